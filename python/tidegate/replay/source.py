"""What is replayed: rows in order of time with a target, and when each label becomes known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import polars as pl

from tidegate.errors import InvalidInputError
from tidegate.training.recipes import Recipe
from tidegate.types import ContextSpec

HELD_OUT = "held_out"
"""The column that tells the makers which rows they judge their models by: the latest of theirs."""
HELD_OUT_SHARE = 0.2
BLIND_SHARE = 0.15
"""The last part of the reference, which the makers never see; at least :data:`BLIND_ROWS`."""
BLIND_ROWS = 200
LONG = timedelta(days=45)
LEAST_REFERENCE, LEAST_EVENTS = 500, 200
"""Rows: labelled ones of the reference, and of what follows."""
TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Source:
    """A data set to replay."""

    name: str
    """Of the model and its endpoint."""
    rows: pl.DataFrame
    """In order of ``time``: features, target, times, key and context."""
    target: str
    """0.0 or 1.0; null where no label ever comes."""
    time: str
    """When a row is asked about (UTC)."""
    known: str
    """When its label becomes known (UTC); not before ``time``."""
    begins: datetime
    """What is earlier is the reference, the rest is replayed."""
    recipes: Sequence[Recipe]
    key: str | None = None
    """Rows of one value within one ``bucket`` of time are asked about in one request."""
    bucket: str = "1h"
    context: Sequence[ContextSpec] = ()
    """Columns that are sent and logged and are no features."""
    zone: str = "UTC"
    """The clock that months and days are told by."""
    noun: str = "rows"
    question: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    """What a reader should know of how it was read."""

    def __post_init__(self) -> None:
        self._check_columns()
        for part, count, least in (
            ("labelled rows are before", self._reference().height, LEAST_REFERENCE),
            ("rows come from", self.events.height, LEAST_EVENTS),
        ):
            if count < least:
                raise InvalidInputError(
                    f"{count} {part} {self.begins:%Y-%m-%d %H:%M}; a replay needs {least}"
                )
        if self._reference()[self.target].n_unique() < 2:
            raise InvalidInputError(
                f"the reference has a single value of the target {self.target!r}, expected 0 and 1"
            )

    @property
    def events(self) -> pl.DataFrame:
        """What is replayed."""
        return self.rows.filter(pl.col(self.time) >= self.begins)

    def makers(self) -> pl.DataFrame:
        """The labelled reference rows that models are made from, with :data:`HELD_OUT`."""
        rows = self._reference()
        rows = rows.head(rows.height - self._blind_rows())
        held = round(rows.height * HELD_OUT_SHARE)
        return rows.with_columns((pl.int_range(pl.len()) >= rows.height - held).alias(HELD_OUT))

    def blind(self) -> pl.DataFrame:
        """The labelled reference rows that only the validator has."""
        return self._reference().tail(self._blind_rows())

    def until(self, end: datetime) -> Source:
        """The same without what is asked about from ``end`` on."""
        from dataclasses import replace

        return replace(self, rows=self.rows.filter(pl.col(self.time) < end))

    def periods(self) -> pl.Expr:
        """The month of each row, such as 2013-03, or its day, by the clock of ``zone``."""
        shown = "%Y-%m" if self.period == "month" else "%Y-%m-%d"
        return pl.col(self.time).dt.convert_time_zone(self.zone).dt.strftime(shown)

    @property
    def period(self) -> Literal["month", "day"]:
        """What figures are told by: months, or days of a recording that is shorter than :data:`LONG`."""
        return "month" if self.span >= LONG else "day"

    @property
    def span(self) -> timedelta:
        """From the first to the last of the events."""
        times = self.events[self.time]
        first, last = times[0], times[-1]
        return timedelta(seconds=(last - first).total_seconds())

    def _reference(self) -> pl.DataFrame:
        return self.rows.filter(pl.col(self.time) < self.begins, pl.col(self.target).is_not_null())

    def _blind_rows(self) -> int:
        return max(BLIND_ROWS, round(self._reference().height * BLIND_SHARE))

    def _check_columns(self) -> None:
        wanted = {self.target, self.time, self.known, *(spec.name for spec in self.context)}
        wanted |= {column for recipe in self.recipes for column in recipe.columns}
        wanted |= set() if self.key is None else {self.key}
        absent = sorted(wanted - set(self.rows.columns))
        if absent:
            raise InvalidInputError(
                f"there is no column {absent[0]!r}; there are {', '.join(self.rows.columns)}"
            )
        if HELD_OUT in self.rows.columns:
            raise InvalidInputError(f"the column name {HELD_OUT!r} is taken; rename the column")
        if not self.recipes:
            raise InvalidInputError("a replay needs a recipe")
        names = [recipe.name for recipe in self.recipes]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidInputError(f"two recipes are named {twice!r}; rename one")
