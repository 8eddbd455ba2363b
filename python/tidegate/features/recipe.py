"""From declared features to a frame: each definition evaluated point in time over the same events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import polars as pl

from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.features import offline
from tidegate.features.definitions import (
    AsOf,
    Column,
    CountPer,
    FeatureDefinition,
    FeatureList,
    Lookup,
    TrailingMean,
)
from tidegate.types import DataType

_DTYPES: dict[DataType, pl.DataType] = {
    "BOOL": pl.Boolean(),
    "INT8": pl.Int8(),
    "INT16": pl.Int16(),
    "INT32": pl.Int32(),
    "INT64": pl.Int64(),
    "UINT8": pl.UInt8(),
    "UINT16": pl.UInt16(),
    "UINT32": pl.UInt32(),
    "UINT64": pl.UInt64(),
    "FP32": pl.Float32(),
    "FP64": pl.Float64(),
    "BYTES": pl.String(),
}


def compute(
    events: pl.DataFrame,
    sources: Mapping[str, pl.DataFrame],
    features: FeatureList,
    progress: Callable[[str], None] = lambda _name: None,
) -> pl.DataFrame:
    """One column per feature, in order and in its declared type, one row per event.

    ``progress`` is told each feature's name when it is done. Values are cast to the type in which the model
    receives them, so that a profile built from this frame is built from what the scorer sees.
    """
    columns = []
    for feature in features.features:
        columns.append(_evaluate(events, sources, feature).cast(_dtype(feature)).alias(feature.name))
        progress(feature.name)
    return pl.DataFrame(columns)


def _evaluate(
    events: pl.DataFrame, sources: Mapping[str, pl.DataFrame], feature: FeatureDefinition
) -> pl.Series:
    match feature:
        case Column():
            if feature.column not in events.columns:
                raise InvalidInputError(f"feature {feature.name}: events have no column {feature.column}")
            return events[feature.column]
        case Lookup():
            return offline.lookup(
                events, _source(sources, feature), on=feature.on, key=feature.key, value=feature.value
            )
        case AsOf():
            return offline.asof_join(
                events,
                _source(sources, feature),
                on=feature.on,
                at=feature.at,
                time=feature.time,
                value=feature.value,
                lag=timedelta(seconds=feature.lag_seconds),
                max_age=_seconds(feature.max_age_seconds),
            )
        case TrailingMean():
            return offline.trailing_mean(
                events,
                key=feature.on,
                value=feature.value,
                n=feature.last,
                event_time=feature.event_time,
                available_time=feature.available_time,
            )
        case CountPer():
            return offline.count_per(events, feature.on)


def _source(sources: Mapping[str, pl.DataFrame], feature: Lookup | AsOf) -> pl.DataFrame:
    try:
        return sources[feature.source]
    except KeyError:
        known = ", ".join(sources) or "none"
        message = f"feature {feature.name}: there is no source {feature.source}; there are: {known}"
        raise NotFoundError(message) from None


def _seconds(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _dtype(feature: FeatureDefinition) -> pl.DataType:
    try:
        return _DTYPES[feature.datatype]
    except KeyError:
        raise InvalidInputError(
            f"feature {feature.name}: no column can hold {feature.datatype}; use one of {', '.join(_DTYPES)}"
        ) from None
