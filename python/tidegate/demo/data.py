"""The demo's datasets: flights with their features, split into reference and later events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.demo.flights import LATE_MINUTES, LOCAL_TIME_ZONE, Tables
from tidegate.features import (
    AsOf,
    Column,
    CountPer,
    FeatureDefinition,
    FeatureList,
    Lookup,
    TrailingMean,
    compute,
)
from tidegate.types import ContextSpec

TARGET = "late"
REFERENCE_MONTHS = (1, 2)
EVENT_MONTHS = tuple(range(3, 13))
MISSING = "missing"
"""What stands for a missing string (the manufacturer of a plane that planes.csv lacks)."""
CONTEXT = [
    ContextSpec(name="flight", datatype="BYTES", role="log"),
    ContextSpec(name="airline", datatype="BYTES", role="segment"),
]
_HOUR = 3600
_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
_LAST_FLIGHTS = 100


def features() -> FeatureList:
    """The 28 features, each known at the beginning of the departure hour."""
    event: list[FeatureDefinition] = [
        *(Column(name=name, column=name, datatype="BYTES") for name in ("carrier", "origin", "dest")),
        Lookup(
            name="manufacturer",
            datatype="BYTES",
            source="planes",
            on="tailnum",
            key="tailnum",
            value="manufacturer",
        ),
        *(Column(name=name, column=name, datatype="INT64") for name in ("dep_hour", "dep_minute", "weekday")),
        Column(name="distance", column="distance"),
    ]
    weather: list[FeatureDefinition] = [
        AsOf(
            name=name,
            source="weather",
            on="origin",
            at="event_time",
            time="time_hour",
            value=name,
            lag_seconds=_HOUR,
            max_age_seconds=2 * _HOUR,
        )
        for name in _WEATHER
    ]
    things: list[FeatureDefinition] = [
        *(
            Lookup(name=name, source="planes", on="tailnum", key="tailnum", value=name)
            for name in ("plane_year", "seats")
        ),
        *(
            Lookup(name=f"dest_{name}", source="airports", on="dest", key="faa", value=name)
            for name in ("lat", "lon", "tz")
        ),
    ]
    running: list[FeatureDefinition] = [
        TrailingMean(
            name=f"{key}_{name}",
            on=key,
            value=value,
            last=_LAST_FLIGHTS,
            event_time="event_time",
            available_time="landed_at",
        )
        for key in ("carrier", "origin", "dest")
        for name, value in (("late_rate", "late"), ("mean_delay", "arr_delay"))
    ]
    congestion = CountPer(name="congestion", on=["origin", "event_time"])
    return FeatureList(features=[*event, *weather, *things, *running, congestion])


def frame(tables: Tables, progress: Callable[[str], None] = lambda _name: None) -> pl.DataFrame:
    """All flights in order of event time: the features, the context columns, the target and the times.

    Beside the 28 features: ``flight``, ``airline`` (context), ``late`` (target), ``event_time`` and
    ``landed_at`` (UTC) and ``month`` (by the clock of the origins).
    """
    sources = {"weather": tables.weather, "planes": tables.planes, "airports": tables.airports}
    flights = tables.flights
    return compute(flights, sources, features(), progress).hstack(
        flights.select(
            pl.col("number").alias("flight"), "airline", TARGET, "event_time", "landed_at", "month"
        )
    )


@dataclass(frozen=True)
class Split:
    """What is trained on, and what happens afterwards."""

    reference: pl.DataFrame
    """January and February, flights that arrived."""
    events: pl.DataFrame
    """March to December, all flights; late is null where none is known."""


def split(flights: pl.DataFrame) -> Split:
    """The reference and the events."""
    return Split(
        reference=flights.filter(pl.col("month").is_in(REFERENCE_MONTHS), pl.col(TARGET).is_not_null()),
        events=flights.filter(pl.col("month").is_in(EVENT_MONTHS)),
    )


def origin(tables: Tables, part: str) -> dict[str, Any]:
    """Where a dataset comes from and how it was made, for its lineage."""
    return {
        "package": tables.package,
        "license": "CC0-1.0",
        "files": tables.files,
        "part": part,
        "target": f"{TARGET}: arr_delay > {LATE_MINUTES} minutes",
        "month": f"by the clock of {LOCAL_TIME_ZONE}",
        "features": features().to_json()["features"],
    }


def write(data: pl.DataFrame, path: Path) -> Path:
    """Writes Parquet whose bytes follow from the rows alone, so that the same data gets the same digest."""
    data.write_parquet(path, compression="zstd", statistics=True)
    return path
