"""scikit-learn pipelines out of the parts that are known to convert faithfully. Only for worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError
from tidegate.training.columns import as_input
from tidegate.training.recipes import Estimator, Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

KEEPS_NAN: frozenset[Estimator] = frozenset({"hist_gradient_boosting"})
_LINEAR: frozenset[Estimator] = frozenset({"logistic_regression"})


def training_frame(frame: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """The features as the estimator sees them: numbers as float32, missing categories as the recipe's token.

    Integers reach the graph as INT64 and are cast there, so both sides compare the same float32 values.
    """
    columns = []
    for name in recipe.columns:
        values = as_input(frame[name], recipe.datatype(name), recipe.missing)
        if name in recipe.categorical:
            columns.append(pl.Series(name, values.tolist(), dtype=pl.String))
        else:
            columns.append(pl.Series(name, values.astype(np.float32)))
    return pl.DataFrame(columns)


def fit(
    recipe: Recipe,
    features: pl.DataFrame,
    target: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> Pipeline:
    """Fits the recipe's pipeline on ``features`` (see :func:`training_frame`) and a target of 0 and 1.

    ``weights`` are those of the rows in the estimator's loss; medians, means and scales count all alike.

    The graph holds fitted numbers as float32, so they are rounded before anything depends on them: medians,
    means and scales before the estimator is fitted; thresholds of histogram boosting after (see
    ``floor_thresholds``).

    Raises:
        InvalidInputError: a parameter that the estimator refuses, or a numeric column without any value.

    """
    from sklearn.pipeline import Pipeline

    empty = [name for name in recipe.numeric if features[name].is_nan().all()]
    if empty:
        raise InvalidInputError(f"column {empty[0]!r} has no value in the training rows")
    columns, estimator = _columns(recipe), _estimator(recipe)
    columns.fit(features)
    _round_fitted(columns)
    try:
        estimator.fit(columns.transform(features), target, sample_weight=weights)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{recipe.estimator} can't be fitted: {' '.join(str(error).split())}"
        ) from error
    floor_thresholds(estimator)
    return Pipeline([("columns", columns), ("estimator", estimator)])


def floor_thresholds(estimator: Any) -> None:
    """Rounds histogram boosting's thresholds down to float32, which moves no float32 to the other side."""
    for stage in getattr(estimator, "_predictors", []):
        for predictor in stage:
            exact = predictor.nodes["num_threshold"]
            near = exact.astype(np.float32)
            down = np.where(near.astype(np.float64) > exact, np.nextafter(near, np.float32(-np.inf)), near)
            predictor.nodes["num_threshold"] = down.astype(np.float64)


def _columns(recipe: Recipe) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numeric: Any = SimpleImputer(strategy="median")
    integer: Any = "passthrough"
    categorical: Any = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    if recipe.estimator in KEEPS_NAN:
        numeric = "passthrough"
    elif recipe.estimator in _LINEAR:
        numeric = Pipeline([("impute", numeric), ("scale", StandardScaler())])
        integer = StandardScaler()
        categorical = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    parts = [
        ("numeric", numeric, recipe.numeric),
        ("integer", integer, recipe.integer),
        ("categorical", categorical, recipe.categorical),
    ]
    return ColumnTransformer([part for part in parts if part[2]])


def _round_fitted(columns: Any) -> None:
    fitted = [step for _, step, _ in columns.transformers_]
    fitted += [inner for step in fitted for _, inner in getattr(step, "steps", [])]
    for step in fitted:
        for name in ("statistics_", "mean_", "scale_"):
            if getattr(step, name, None) is not None:
                exact = np.asarray(getattr(step, name))
                setattr(step, name, exact.astype(np.float32).astype(exact.dtype))


def _estimator(recipe: Recipe) -> Any:
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.linear_model import LogisticRegression

    classes: dict[Estimator, Any] = {
        "logistic_regression": LogisticRegression,
        "random_forest": RandomForestClassifier,
        "gradient_boosting": GradientBoostingClassifier,
        "hist_gradient_boosting": HistGradientBoostingClassifier,
    }
    defaults: dict[str, Any] = {"max_iter": 1000} if recipe.estimator in _LINEAR else {}
    try:
        return classes[recipe.estimator](**{**defaults, "random_state": recipe.seed, **recipe.params})
    except TypeError as error:
        known = ", ".join(sorted(classes[recipe.estimator]().get_params()))
        raise InvalidInputError(f"{recipe.estimator}: {error}; it knows {known}") from error
