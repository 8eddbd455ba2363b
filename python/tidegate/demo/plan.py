"""What is asked and told, and when: requests by origin and departure hour, labels by the time of landing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.demo import data
from tidegate.errors import InvalidInputError


@dataclass(frozen=True)
class Request:
    """All flights that leave one origin within one hour; they are asked about when the hour begins."""

    index: int
    first: int
    """The position of the first of its rows among the events."""
    rows: int
    event_time: int
    """Microseconds since 1970, UTC."""
    month: str
    """Such as 2013-03, by the clock of the origins."""
    key: str
    """The routing key: origin and hour."""


@dataclass(frozen=True)
class Plan:
    """The events, the requests in order of event time, and the labels in order of landing."""

    events: pl.DataFrame
    requests: list[Request]
    label_rows: NDArray[np.int64]
    """Positions of the rows that get a label, by landing time."""
    label_times: NDArray[np.int64]
    """When each of them landed: microseconds since 1970, UTC, non-decreasing."""
    request_of: NDArray[np.int64]
    """Per row, the index of its request."""

    @property
    def months(self) -> list[str]:
        """The months in order."""
        return list(dict.fromkeys(request.month for request in self.requests))


def make(events: pl.DataFrame, *, months: int | None = None, days: int | None = None) -> Plan:
    """The plan of the first ``months`` of the events, or of their first ``days``."""
    events = _part(events, months, days).sort("event_time", "origin", maintain_order=True)
    starts = events.with_row_index("first").group_by("event_time", "origin", maintain_order=True)
    groups = starts.agg(
        pl.col("first").first(),
        pl.len().alias("rows"),
        pl.col("month").first(),
        pl.col("event_time").first().dt.epoch("us").alias("at"),
        pl.col("event_time").first().dt.strftime("%Y-%m-%dT%HZ").alias("hour"),
    )
    year = events["event_time"][0].year
    requests = [
        Request(
            index=index,
            first=row["first"],
            rows=row["rows"],
            event_time=row["at"],
            month=f"{year}-{row['month']:02}",
            key=f"{row['origin']}/{row['hour']}",
        )
        for index, row in enumerate(groups.rows(named=True))
    ]
    labels = (
        events.select(pl.col("landed_at").dt.epoch("us"), pl.col(data.TARGET))
        .with_row_index("row")
        .filter(pl.col(data.TARGET).is_not_null())
        .sort("landed_at", maintain_order=True)
    )
    counts = groups["rows"].to_numpy()
    return Plan(
        events=events,
        requests=requests,
        label_rows=labels["row"].cast(pl.Int64).to_numpy(),
        label_times=labels["landed_at"].to_numpy(),
        request_of=np.repeat(np.arange(len(requests)), counts),
    )


def check(months: int | None, days: int | None) -> None:
    """Raises :class:`InvalidInputError` for a part of the year that has no flights."""
    if months is not None and not 1 <= months <= len(data.EVENT_MONTHS):
        raise InvalidInputError(f"months must be 1 to {len(data.EVENT_MONTHS)}; it is {months}")
    if days is not None and days < 1:
        raise InvalidInputError(f"days must be at least 1; it is {days}")


def _part(events: pl.DataFrame, months: int | None, days: int | None) -> pl.DataFrame:
    check(months, days)
    if months is not None:
        events = events.filter(pl.col("month").is_in(data.EVENT_MONTHS[:months]))
    if days is not None:
        events = events.filter(pl.col("event_time") < pl.col("event_time").min() + timedelta(days=days))
    return events
