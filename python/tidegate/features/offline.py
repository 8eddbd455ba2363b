"""Features over history, point in time: a row sees what was known at its event's time and nothing later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.errors import InvalidInputError

_VALUE, _TIME, _ROW = "__value", "__time", "__row"


def asof_join(
    events: pl.DataFrame,
    table: pl.DataFrame,
    *,
    on: str,
    at: str,
    time: str,
    value: str,
    lag: timedelta = timedelta(0),
    max_age: timedelta | None = None,
) -> pl.Series:
    """For each event the latest ``value`` of its key with ``time`` up to the event's minus ``lag``.

    A value older than ``max_age`` at that moment is not used. Rows of ``table`` without a time, and events
    without one, take no part (null). Of rows with the same key and time, the last in ``table`` counts.
    Returns a series named ``value``, in the order of ``events``.
    """
    if lag < timedelta(0):
        raise InvalidInputError(f"lag must not be negative, or the future leaks into the past; it is {lag}")
    _require(events, [on, at])
    _require(table, [on, time, value])
    known = (
        table.select(pl.col(on), pl.col(time).alias(_TIME), pl.col(value).alias(_VALUE))
        .drop_nulls([on, _TIME])
        .unique([on, _TIME], keep="last", maintain_order=True)
        .sort(_TIME, maintain_order=True)
    )
    asked = (
        events.select(pl.col(on), (pl.col(at) - lag).alias(_TIME))
        .with_row_index(_ROW)
        .sort(_TIME, nulls_last=True, maintain_order=True)
    )
    timed = asked.filter(pl.col(_TIME).is_not_null())
    joined = timed.join_asof(
        known, on=_TIME, by=on, strategy="backward", tolerance=max_age, check_sortedness=False
    )
    return (
        asked.select(_ROW)
        .join(joined.select(_ROW, _VALUE), on=_ROW, how="left")
        .sort(_ROW)[_VALUE]
        .alias(value)
    )


def trailing_mean(
    frame: pl.DataFrame, *, key: str, value: str, n: int, event_time: str, available_time: str
) -> pl.Series:
    """For each row the mean of its key's last ``n`` values that were available at the row's event time.

    A value is available from ``available_time`` on (equal times included); a row without an available time,
    or without a value, is never seen. "Last" is by available time, then by position in ``frame``. Null when
    nothing was available yet, or the row has no key or no event time. Returns float64, in ``frame``'s order.

    Cost: sorting, a binary search and ``n`` additions per row; each mean is summed for itself, so a huge
    value does not spoil the means of later rows, as it would with differences of running sums.
    """
    if n < 1:
        raise InvalidInputError(f"n must be at least 1; it is {n}")
    _require(frame, [key, value, event_time, available_time])
    codes = frame[key].rank("dense").cast(pl.Int64)
    asked_at, known_at = frame[event_time], frame[available_time]
    if asked_at.dtype != known_at.dtype:
        raise InvalidInputError(
            f"{event_time} is {asked_at.dtype} and {available_time} is {known_at.dtype}: make them the same"
        )
    known = (codes.is_not_null() & known_at.is_not_null() & frame[value].is_not_null()).to_numpy()
    asked = (codes.is_not_null() & asked_at.is_not_null()).to_numpy()
    ranks = pl.concat([asked_at, known_at]).rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    span = int(ranks.max(initial=0)) + 1
    start = codes.fill_null(0).to_numpy() * span
    asked_rank, known_rank = ranks[: frame.height], ranks[frame.height :]
    points = (start + known_rank)[known]
    order = np.argsort(points, kind="stable")
    points = points[order]
    values = frame[value].cast(pl.Float64).to_numpy()[known][order]
    high = np.searchsorted(points, (start + asked_rank)[asked], side="right")
    low = np.maximum(high - n, np.searchsorted(points, start[asked], side="left"))
    means = np.full(frame.height, np.nan)
    means[asked] = _window_means(values, low, high)
    seen = np.zeros(frame.height, dtype=bool)
    seen[asked] = high > low
    return pl.select(pl.when(pl.Series(seen)).then(pl.Series(means)).alias(value)).to_series()


def lookup(events: pl.DataFrame, table: pl.DataFrame, *, on: str, key: str, value: str) -> pl.Series:
    """For each event the ``value`` of the table's row whose ``key`` equals the event's ``on``, or null."""
    _require(events, [on])
    _require(table, [key, value])
    rows = table.select(pl.col(key).alias(on), pl.col(value).alias(_VALUE)).drop_nulls(on)
    if rows[on].is_duplicated().any():
        raise InvalidInputError(f"column {key} of the table must be unique to be looked up by; it is not")
    return events.select(on).join(rows, on=on, how="left", maintain_order="left")[_VALUE].alias(value)


def count_per(events: pl.DataFrame, on: Sequence[str]) -> pl.Series:
    """For each event the number of events (itself included) that share the columns ``on``."""
    _require(events, on)
    return events.select(pl.len().over(list(on)).cast(pl.Int64).alias("count")).to_series()


def _window_means(
    values: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Means of ``values[low:high]``, one per pair; NaN for an empty pair."""
    means = np.full(low.shape, np.nan)
    filled = np.flatnonzero(high > low)
    # reduceat also sums from each high to the next low; with the highs descending that is one element.
    filled = filled[np.argsort(-high[filled], kind="stable")]
    if filled.size:
        bounds = np.stack([low[filled], high[filled]], axis=1).ravel()
        sums = np.add.reduceat(np.append(values, 0.0), bounds)[::2]
        means[filled] = sums / (high - low)[filled]
    return means


def _require(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in frame.columns:
            raise InvalidInputError(f"there is no column {column}; there are: {', '.join(frame.columns)}")
