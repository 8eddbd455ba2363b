"""How each of the five models is trained. One is weak by design, for the others to be better than."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.replay.source import HELD_OUT
from tidegate.training.recipes import Estimator, Recipe
from tidegate.types import DataType

TARGET = "late"
MISSING = "missing"
"""What stands for a missing string (the manufacturer of a plane that planes.csv lacks)."""

_PARAMS: dict[str, tuple[Estimator, dict[str, bool | int | float | str | None]]] = {
    "linear": ("logistic_regression", {"C": 0.1}),
    "forest": ("random_forest", {"n_estimators": 60, "max_depth": 10, "min_samples_leaf": 20}),
    "boosted": (
        "gradient_boosting",
        {"n_estimators": 60, "max_depth": 4, "learning_rate": 0.1, "subsample": 0.5},
    ),
    "histogram-boosted": (
        "hist_gradient_boosting",
        {"max_iter": 100, "max_leaf_nodes": 31, "learning_rate": 0.06, "min_samples_leaf": 50},
    ),
}
_SEED = 2013


def recipes(types: Mapping[str, DataType]) -> list[Recipe]:
    """All five over the features of ``types``; the weak one sees nothing but the hour of day."""
    columns = {
        "numeric": [name for name, datatype in types.items() if datatype == "FP32"],
        "integer": [name for name, datatype in types.items() if datatype == "INT64"],
        "categorical": [name for name, datatype in types.items() if datatype == "BYTES"],
    }
    full = [_recipe(name, estimator, params, columns) for name, (estimator, params) in _PARAMS.items()]
    return [*full, _recipe("weak", "logistic_regression", {}, {"integer": ["dep_hour"]})]


def _recipe(
    name: str,
    estimator: Estimator,
    params: dict[str, bool | int | float | str | None],
    columns: dict[str, list[str]],
) -> Recipe:
    return Recipe(
        name=name,
        estimator=estimator,
        params=params,
        target=TARGET,
        missing=MISSING,
        split_column=HELD_OUT,
        seed=_SEED,
        numeric=columns.get("numeric", []),
        integer=columns.get("integer", []),
        categorical=columns.get("categorical", []),
    )
