"""Recipes for a data set that comes with none, from its columns' types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from tidegate.errors import InvalidInputError
from tidegate.replay.source import HELD_OUT
from tidegate.training.recipes import LABEL, PROBABILITIES, Estimator, Recipe

MISSING = "missing"
MOST_CATEGORIES = 500
_PARAMS: dict[Estimator, dict[str, bool | int | float | str | None]] = {
    "hist_gradient_boosting": {"max_iter": 80, "max_leaf_nodes": 15, "learning_rate": 0.08},
    "logistic_regression": {"C": 0.1},
}


@dataclass(frozen=True)
class Automatic:
    """The recipes, the rows in the types that they name, and what was left out."""

    rows: pl.DataFrame
    recipes: list[Recipe]
    notes: list[str]


def automatic(rows: pl.DataFrame, target: str, taken: Collection[str], before: pl.Expr) -> Automatic:
    """Two recipes, boosting and logistic regression, over every column but ``taken``.

    Integers and booleans without nulls are whole numbers; those with nulls, and all other numbers, are
    floats; texts are categories, where a null is a token of its own. Left out are times, nested types, and
    columns that say nothing in the rows ``before``: without a value, or with a value for nearly each row.
    """
    columns: dict[str, list[str]] = {"numeric": [], "integer": [], "categorical": []}
    reference = rows.filter(before)
    casts, notes = [], []
    for name, dtype in rows.schema.items():
        kind, cast = _kind(rows[name], dtype)
        if cast is not None:
            casts.append(cast)
        if name in taken:
            continue
        reason = _useless(reference[name], kind)
        if reason is not None or kind is None:
            notes.append(f"column {name} is left out: {reason or f'no feature can be of type {dtype}'}")
        else:
            columns[kind].append(name)
    rows = rows.with_columns(casts)
    if not any(columns.values()):
        raise InvalidInputError(f"no column can be a feature: {'; '.join(notes)}")
    missing = _token(rows, columns["categorical"])
    recipes = [
        Recipe(
            name=estimator.replace("_", "-"),
            estimator=estimator,
            params=params,
            target=target,
            missing=missing,
            split_column=HELD_OUT,
            numeric=columns["numeric"],
            integer=columns["integer"],
            categorical=columns["categorical"],
        )
        for estimator, params in _PARAMS.items()
    ]
    return Automatic(rows, recipes, notes)


def _kind(column: pl.Series, dtype: pl.DataType) -> tuple[str | None, pl.Series | None]:
    """What kind of feature a column can be, and the column in the type in which it is sent."""
    if dtype == pl.String:
        return "categorical", None
    if dtype in (pl.Categorical, pl.Enum):
        return "categorical", column.cast(pl.String)
    if dtype == pl.Boolean or dtype.is_integer():
        if column.null_count() or dtype == pl.UInt64:
            return "numeric", column.cast(pl.Float64)
        return "integer", column.cast(pl.Int64)
    if dtype.is_float() or dtype.is_decimal():
        return "numeric", column.cast(pl.Float64)
    return None, None


def _useless(column: pl.Series, kind: str | None) -> str | None:
    if column.name in {LABEL, PROBABILITIES}:
        return "its name is that of an output"
    values = column.drop_nulls()
    if kind == "numeric":
        values = values.cast(pl.Float64).drop_nans()
    if not values.len():
        return "it has no value in the reference"
    if kind == "categorical" and values.n_unique() > MOST_CATEGORIES:
        return f"it has {values.n_unique()} different texts in the reference, more than {MOST_CATEGORIES}"
    return None


def _token(rows: pl.DataFrame, columns: list[str]) -> str:
    """A text for missing categories that is none of the categories."""
    token = MISSING
    while any((rows[name] == token).any() for name in columns):
        token = f"({token})"
    return token
