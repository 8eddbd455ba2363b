"""Every kind of pipeline converts faithfully; conversions that are known to lie are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from tidegate.errors import InvalidInputError, ModelRefusedError
from tidegate.training import conversion, pipelines
from tidegate.training.jobs import Comparison
from tidegate.training.recipes import Recipe
from training.samples import PARAMS, flights, recipe

# skl2onnx 1.20 writes booleans where integers belong; that is why protobuf is held below 7.
pytestmark = pytest.mark.filterwarnings("ignore:Field onnx.AttributeProto.ints:DeprecationWarning")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP threads that spin for each other take seconds on a busy machine."""
    with threadpool_limits(1):
        yield


def fitted(made: Recipe, frame: pl.DataFrame) -> Any:
    return pipelines.fit(made, pipelines.training_frame(frame, made), frame["late"].to_numpy())


def compared(pipeline: Any, made: Recipe, rows: pl.DataFrame) -> Comparison:
    data = conversion.convert(pipeline, made)
    features = pipelines.training_frame(rows, made)
    return conversion.compare(
        pipeline.predict_proba(features), pipeline.predict(features), conversion.answers(data, rows, made)
    )


@pytest.mark.parametrize("estimator", PARAMS)
def test_converts_faithfully(estimator: str) -> None:
    made = recipe(estimator)
    unseen = flights(400, seed=1).with_columns(
        carrier=pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("never seen")).otherwise("carrier"),
        hour=pl.when(pl.int_range(pl.len()) % 13 == 0).then(2**40 + 1).otherwise("hour"),
    )
    comparison = compared(fitted(made, flights()), made, unseen)
    assert comparison.rows == 400
    assert comparison.max_difference < 1e-6
    assert comparison.labels_differing == 0
    conversion.refuse_unfaithful(comparison)


@pytest.mark.parametrize("kind", ["numeric", "integer", "categorical"])
@pytest.mark.parametrize("estimator", PARAMS)
def test_one_kind_of_column_is_enough(estimator: str, kind: str) -> None:
    columns = {"numeric": ["distance"], "integer": ["hour"], "categorical": ["carrier"]}
    made = recipe(estimator, **{name: columns[name] if name == kind else [] for name in columns})
    assert compared(fitted(made, flights()), made, flights(100, seed=1)).faithful


def test_the_same_recipe_gives_the_same_bytes() -> None:
    made = recipe("random_forest")
    first, second = (conversion.convert(fitted(made, flights()), made) for _ in range(2))
    assert first == second


def test_thresholds_go_down_to_float32() -> None:
    made = recipe("hist_gradient_boosting")
    boosting = fitted(made, flights()).steps[-1][1]
    thresholds = boosting._predictors[0][0].nodes["num_threshold"]
    assert (thresholds == thresholds.astype(np.float32)).all()


def test_refuses_a_forest_that_was_fitted_on_nan() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline

    made = recipe("random_forest", categorical=[])
    frame = flights()
    columns = ColumnTransformer([("all", "passthrough", made.columns)])
    forest = RandomForestClassifier(n_estimators=12, max_depth=6, random_state=0)
    lying = Pipeline([("columns", columns), ("estimator", forest)])
    lying.fit(pipelines.training_frame(frame, made), frame["late"].to_numpy())
    with pytest.raises(ModelRefusedError, match=r"on 300 held-out rows .* labels differ"):
        conversion.refuse_unfaithful(compared(lying, made, flights(300, seed=1)))


def test_refuses_native_categories() -> None:
    """The converter treats them as numbers."""
    frame = flights()
    made = recipe("hist_gradient_boosting", numeric=[])
    categories = {"categorical_features": [0, 1, 2], "max_iter": 12}
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    columns = ColumnTransformer(
        [("hour", "passthrough", ["hour"]), ("text", encoder, ["carrier", "origin"])], sparse_threshold=0.0
    )
    lying = Pipeline([("columns", columns), ("estimator", HistGradientBoostingClassifier(**categories))])
    lying.fit(pipelines.training_frame(frame, made), frame["late"].to_numpy())
    with pytest.raises(ModelRefusedError, match="answers otherwise than the original"):
        conversion.refuse_unfaithful(compared(lying, made, flights(300, seed=1)))


def test_counts_ties_apart_and_fears_nan() -> None:
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]])
    labels = np.array([1, 1, 0])
    same = {"label": np.array([0, 1, 0]), "probabilities": probabilities.astype(np.float32)}
    tie = conversion.compare(probabilities, labels, same)
    assert (tie.ties, tie.labels_differing, tie.faithful) == (1, 0, True)
    other = conversion.compare(probabilities, labels, {**same, "label": np.array([1, 0, 0])})
    assert (other.ties, other.labels_differing, other.faithful) == (0, 1, False)
    broken = probabilities.copy()
    broken[2, 0] = np.nan
    assert not conversion.compare(probabilities, labels, {**same, "probabilities": broken}).faithful
    with pytest.raises(ModelRefusedError, match="no row is held out"):
        conversion.refuse_unfaithful(tie.model_copy(update={"rows": 0}))


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"trees": 3}, "unexpected keyword argument 'trees'.*n_estimators"),
        ({"n_estimators": -1}, "n_estimators"),
    ],
)
def test_names_a_bad_parameter(params: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        fitted(recipe("random_forest", params=params), flights(60))


def test_names_a_column_without_values() -> None:
    frame = flights(60).with_columns(distance=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(InvalidInputError, match="'distance' has no value"):
        fitted(recipe("random_forest"), frame)
