"""What is asked and told, and when: requests in order of time, labels when they become known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.replay.source import Source

BATCH_ROWS, FEWEST_BATCHES = 16, 1000
"""Rows of a request of a source without a key: fewer where that would give less than so many requests."""
LARGEST_REQUEST = 500
"""More rows of one key and time are asked about in several requests."""
_AT, _PART, _KEY = "replay_at", "replay_part", "replay_key"


@dataclass(frozen=True)
class Request:
    """Rows that are asked about together."""

    index: int
    first: int
    """The position of the first of its rows among the events."""
    rows: int
    event_time: int
    """Microseconds since 1970, UTC: the time of its first row."""
    period: str
    """Its month or day, such as 2013-03, by the source's clock."""
    key: str
    """The routing key: the source's key and the bucket of time, or the request's number."""


@dataclass(frozen=True)
class Plan:
    """The events, the requests in order of event time, and the labels in the order of becoming known."""

    events: pl.DataFrame
    requests: list[Request]
    labels: NDArray[np.float64]
    """The label of each event, NaN where none ever comes."""
    label_rows: NDArray[np.int64]
    """Positions of the rows that get a label, in the order of becoming known."""
    label_times: NDArray[np.int64]
    """When each of them is known: microseconds since 1970, UTC, non-decreasing; after it was asked about."""
    request_of: NDArray[np.int64]
    """Per row, the index of its request."""

    @property
    def periods(self) -> list[str]:
        """The months or days in order."""
        return list(dict.fromkeys(request.period for request in self.requests))


def make(source: Source) -> Plan:
    """The plan of a source's events: one request per key and bucket of time, or per 16 rows or fewer."""
    events = _arranged(source)
    groups = (
        events.with_row_index("first")
        .group_by(_AT, _KEY, _PART, maintain_order=True)
        .agg(pl.col("first").first(), pl.len().alias("rows"), source.periods().first().alias("period"))
    )
    requests = [
        Request(
            index=index,
            first=row["first"],
            rows=row["rows"],
            event_time=row["at"],
            period=row["period"],
            key=row[_KEY],
        )
        for index, row in enumerate(
            groups.with_columns(pl.col(_AT).dt.epoch("us").alias("at")).iter_rows(named=True)
        )
    ]
    request_of = np.repeat(np.arange(len(requests)), groups["rows"].to_numpy())
    asked = np.array([request.event_time for request in requests])[request_of]
    labels = events[source.target].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    times = events[source.known].dt.epoch("us").fill_null(-1).to_numpy()
    rows = np.flatnonzero(~np.isnan(labels) & (times >= 0))
    # A label that is known at once is told after its answer.
    known = np.maximum(times, asked + 1)
    rows = rows[np.argsort(known[rows], kind="stable")]
    return Plan(
        events=events.drop(_AT, _KEY, _PART),
        requests=requests,
        labels=labels,
        label_rows=rows,
        label_times=known[rows],
        request_of=request_of,
    )


def _arranged(source: Source) -> pl.DataFrame:
    """The events with each request's rows side by side, requests in order of their first row's time."""
    time = pl.col(source.time)
    events = source.events.sort(source.time, maintain_order=True)
    if source.key is None:
        number = pl.int_range(pl.len()) // max(1, min(BATCH_ROWS, events.height // FEWEST_BATCHES))
        events = events.with_columns(number.alias(_PART), number.cast(pl.String).alias(_KEY))
        return events.with_columns(time.first().over(_PART).alias(_AT))
    bucket = time.dt.truncate(source.bucket)
    name = pl.concat_str(pl.col(source.key), bucket.dt.strftime(_shown(source.bucket)), separator="/")
    events = events.with_columns(name.alias(_KEY))
    events = events.with_columns(
        time.first().over(_KEY).alias(_AT),
        (pl.int_range(pl.len()).over(_KEY) // LARGEST_REQUEST).alias(_PART),
    )
    return events.sort(_AT, _KEY, _PART, maintain_order=True)


def _shown(bucket: str) -> str:
    """How a bucket's beginning is written within a routing key."""
    return "%Y-%m-%dT%HZ" if bucket.endswith("h") else "%Y-%m-%dT%H:%M:%SZ"
