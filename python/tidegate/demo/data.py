"""The demo's datasets: flights with their features, split into reference and later events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.demo import flights
from tidegate.demo.flights import LATE_MINUTES, LOCAL_TIME_ZONE, Tables
from tidegate.demo.view import View
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
from tidegate.installation import Installation
from tidegate.types import ContextSpec

TARGET = "late"
REFERENCE_MONTHS = (1, 2)
EVENT_MONTHS = tuple(range(3, 13))
HELD_OUT = "held_out"
HELD_OUT_FROM = datetime(2013, 2, 15, 5, tzinfo=UTC)
"""Models are judged on the last two weeks of February: on what came later, as in life."""
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
    return compute(tables.flights, sources, features(), progress).hstack(
        tables.flights.select(
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


def split(frame: pl.DataFrame) -> Split:
    """The reference and the events."""
    return Split(
        reference=frame.filter(pl.col("month").is_in(REFERENCE_MONTHS), pl.col(TARGET).is_not_null()),
        events=frame.filter(pl.col("month").is_in(EVENT_MONTHS)),
    )


def with_split(reference: pl.DataFrame) -> pl.DataFrame:
    """The reference with the column that says which rows are held out."""
    return reference.with_columns((pl.col("event_time") >= HELD_OUT_FROM).alias(HELD_OUT))


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


def prepare(installation: Installation, view: View) -> tuple[Split, dict[str, Any], dict[str, Any]]:
    """Reads, computes and registers; the split, the reference dataset, and the ``data`` of the result."""
    tables = flights.read()
    with view.bars() as bars:
        task = bars.add_task("features", total=len(features().features))
        parts = split(frame(tables, lambda _name: bars.advance(task)))
    registered = []
    for name, part, what in (
        ("flights-reference", with_split(parts.reference), "January and February, flights that arrived"),
        ("flights-events", parts.events, "March to December, all flights"),
    ):
        path = write(part, installation.home.jobs / f"{name}.parquet")
        registered.append(
            installation.register_dataset(name, path, time_column="event_time", origin=origin(tables, what))
        )
        path.unlink()
        view.say(f"{name}: {part.height:,} rows, {registered[-1]['digest'][:19]}…")
    kept = ("name", "version", "digest", "rows")
    figures = {
        "package": tables.package,
        "flights": tables.flights.height,
        "features": len(features().features),
        "datasets": [{key: one[key] for key in kept} for one in registered],
    }
    return parts, registered[0], figures


def write(data: pl.DataFrame, path: Path) -> Path:
    """Writes Parquet whose bytes follow from the rows alone, so that the same data gets the same digest."""
    data.write_parquet(path, compression="zstd", statistics=True)
    return path
