"""A source out of a Parquet or CSV file: times, target, key and recipes found or refused by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from tidegate.errors import InvalidInputError
from tidegate.replay.automatic import automatic
from tidegate.replay.source import HELD_OUT, LEAST_EVENTS, LEAST_REFERENCE, TIME, Source
from tidegate.training.columns import read_table
from tidegate.training.recipes import Recipe
from tidegate.types import ContextSpec

ROW_ORDER = "replay_time"
"""The column that stands for the time of a file without one: a row a minute."""
KNOWN = "replay_known"
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNITS = "a number and s, m, h, d or w, such as 6h"


@dataclass(frozen=True)
class Reading:
    """How a file is to be read."""

    target: str
    time: str | None = None
    """Without one the order of the rows is their time: one a minute from 2000-01-01."""
    key: str | None = None
    label_delay: str = "1h"
    label_time: str | None = None
    """A column; ``label_delay`` does not count then."""
    reference: float = 0.2
    """The share of rows that come first and are learnt from."""
    recipes: Sequence[Path] = ()
    """JSON files; without one, two are made from the columns' types."""


def read(path: Path, how: Reading) -> Source:
    """The source that ``path`` holds.

    Raises:
        InvalidInputError: naming the column, row count, value or recipe that can't be used.

    """
    if not path.is_file():
        raise InvalidInputError(f"there is no file {path}")
    if not 0.02 <= how.reference <= 0.9:
        raise InvalidInputError(f"the reference is a share from 0.02 to 0.9; it is {how.reference}")
    rows = _named(read_table(path), path)
    for column in filter(None, (how.target, how.time, how.key, how.label_time)):
        if column not in rows.columns:
            raise InvalidInputError(f"{path.name} has no column {column!r}; it has {', '.join(rows.columns)}")
    if rows.height < LEAST_REFERENCE + LEAST_EVENTS:
        raise InvalidInputError(
            f"{path.name} has {rows.height} rows; a replay needs {LEAST_REFERENCE + LEAST_EVENTS}"
        )
    time = how.time or ROW_ORDER
    rows = rows.with_columns(_target(rows[how.target]), _times(rows, how.time)).sort(
        time, maintain_order=True
    )
    known = _known(rows, time, how)
    rows = rows.with_columns(known)
    if how.key is not None:
        rows = rows.with_columns(pl.col(how.key).cast(pl.String).fill_null(""))
    taken = {how.target, time, KNOWN} | {name for name in (how.key, how.label_time) if name}
    begins = rows[time][round(rows.height * how.reference)]
    made = automatic(rows, how.target, taken, before=pl.col(time) < begins)
    recipes = [_recipe(file, how.target) for file in how.recipes] or made.recipes
    return Source(
        name=re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") or "replay",
        rows=made.rows,
        target=how.target,
        time=time,
        known=KNOWN,
        begins=begins,
        recipes=recipes,
        key=how.key,
        context=_context(how.key, recipes),
        question=f"Is {how.target} 1?",
        origin={"file": path.name, "target": how.target, "time": how.time or "order of the rows"},
        notes=[] if how.recipes else made.notes,
    )


def delay(text: str) -> timedelta:
    """A length of time such as ``6h`` or ``1.5d``."""
    found = _DELAY.fullmatch(text.strip())
    if found is None:
        raise InvalidInputError(f"{text!r} is no length of time; expected {_UNITS}")
    return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])


def _named(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Names that an input can have: letters, digits and _."""
    plain = {name: re.sub(r"\W", "_", name, flags=re.ASCII) or "_" for name in rows.columns}
    plain = {name: f"_{short}" if short[0].isdigit() else short for name, short in plain.items()}
    if len(set(plain.values())) < len(plain):
        twice = next(short for short in plain.values() if list(plain.values()).count(short) > 1)
        raise InvalidInputError(f"{path.name} has two columns that would be named {twice!r}; rename one")
    return rows.rename(plain)


def _target(column: pl.Series) -> pl.Series:
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise InvalidInputError(
            f"target {column.name!r} has type {column.dtype}, expected 0 and 1 or booleans"
        )
    numbers = column.cast(pl.Float64).fill_nan(None)
    strange = numbers.drop_nulls().filter(~numbers.drop_nulls().is_in([0.0, 1.0]))
    if strange.len():
        raise InvalidInputError(f"target {column.name!r} has the value {strange[0]:g}, expected 0 and 1 only")
    return numbers


def _times(rows: pl.DataFrame, column: str | None) -> pl.Expr | pl.Series:
    if column is None:
        return (pl.lit(FIRST).cast(TIME) + pl.duration(minutes=pl.int_range(rows.height))).alias(ROW_ORDER)
    return _time(rows[column], "the time")


def _time(values: pl.Series, what: str) -> pl.Series:
    if values.dtype not in (pl.Datetime, pl.Date):
        raise InvalidInputError(
            f"column {values.name!r} has type {values.dtype}, expected {what} as dates or timestamps"
        )
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        return values.dt.convert_time_zone("UTC").cast(TIME)
    return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _known(rows: pl.DataFrame, time: str, how: Reading) -> pl.Series:
    if rows[time].null_count():
        raise InvalidInputError(f"column {time!r} has {rows[time].null_count()} nulls, expected a time a row")
    if how.label_time is None:
        return (rows[time] + delay(how.label_delay)).alias(KNOWN)
    known = _time(rows[how.label_time], "the time of the label")
    early = int((known < rows[time]).sum())
    if early:
        raise InvalidInputError(
            f"{early} rows have their label ({how.label_time}) before they are asked about ({time})"
        )
    return known.alias(KNOWN)


def _recipe(path: Path, target: str) -> Recipe:
    try:
        recipe = Recipe.from_json(path.read_bytes())
    except OSError as error:
        raise InvalidInputError(f"{path} can't be read: {error.strerror}") from None
    except InvalidInputError as error:
        raise InvalidInputError(f"{path.name}: {error}") from None
    if recipe.target != target:
        raise InvalidInputError(f"{path.name} predicts {recipe.target!r}; the replay's target is {target!r}")
    return recipe.model_copy(update={"held_out": None, "split_column": HELD_OUT})


def _context(key: str | None, recipes: Sequence[Recipe]) -> list[ContextSpec]:
    """The key as a column of the log, unless it is a feature and logged as one."""
    if key is None or any(key in recipe.columns for recipe in recipes):
        return []
    return [ContextSpec(name=key, datatype="BYTES")]
