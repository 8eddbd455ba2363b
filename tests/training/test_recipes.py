"""Recipes: what they refuse, what they store, what contract they promise."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.errors import InvalidInputError
from tidegate.training.recipes import Recipe
from training.samples import recipe


def test_survives_json() -> None:
    made = recipe(
        "hist_gradient_boosting", seed=7, params={"max_iter": 5, "learning_rate": 0.1, "warm_start": False}
    )
    again = Recipe.from_json(made.model_dump_json())
    assert again == made
    assert Recipe.from_json(made.to_json()) == made
    assert type(again.params["warm_start"]) is bool
    assert type(again.params["max_iter"]) is int


def test_holds_out_a_fifth_unless_told() -> None:
    assert recipe("random_forest", split_column=None).held_out == 0.2
    assert recipe("random_forest").held_out is None


def test_contract_has_one_input_per_column() -> None:
    contract = recipe("logistic_regression", missing="?").contract()
    assert [(spec.name, spec.datatype, spec.missing) for spec in contract.inputs] == [
        ("distance", "FP32", None),
        ("pressure", "FP32", None),
        ("hour", "INT64", None),
        ("carrier", "BYTES", "?"),
        ("origin", "BYTES", "?"),
    ]
    assert all(spec.shape == [-1, 1] and spec.columns == [spec.name] for spec in contract.inputs)
    assert [(spec.name, spec.shape) for spec in contract.outputs] == [
        ("label", [-1]),
        ("probabilities", [-1, 2]),
    ]
    assert contract.score is not None
    assert (contract.score.output, contract.score.column) == ("probabilities", 1)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"numeric": [], "integer": [], "categorical": []}, "at least one"),
        ({"numeric": ["a b"]}, "'a b'"),
        ({"numeric": ["label"]}, "'label'"),
        ({"integer": ["distance"]}, "'distance' stands twice"),
        ({"numeric": ["late"]}, "'late'"),
        ({"held_out": 1.5, "split_column": None}, "1.5"),
        (
            {"weight_column": "distance"},
            "'distance' is a feature and also the target, the split or the weight",
        ),
        ({"held_out": 0.2}, "not both"),
        ({"estimator": "oracle"}, "estimator"),
        ({"seed": -1}, "seed"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_refuses_by_name(changes: dict[str, Any], names: str) -> None:
    body = recipe("random_forest").to_json()
    with pytest.raises(InvalidInputError, match=names):
        Recipe.from_json(body | changes)
