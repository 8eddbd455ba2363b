"""The demo's data: flights with their features, and how they are replayed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from tidegate.demo import flights
from tidegate.demo.flights import LATE_MINUTES, LOCAL_TIME_ZONE, Tables
from tidegate.demo.recipes import TARGET, recipes
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
from tidegate.replay.source import Source
from tidegate.types import ContextSpec

EVENT_MONTHS = tuple(range(3, 13))
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


def origin(tables: Tables) -> dict[str, Any]:
    """Where the rows come from and how they were made, for their lineage."""
    return {
        "package": tables.package,
        "license": "CC0-1.0",
        "files": tables.files,
        "part": "January and February, flights that arrived, without the sealed last part",
        "target": f"{TARGET}: arr_delay > {LATE_MINUTES} minutes",
        "month": f"by the clock of {LOCAL_TIME_ZONE}",
        "features": features().to_json()["features"],
    }


def source(progress: Callable[[str], None] = lambda _name: None) -> Source:
    """The flights as a source to replay: January and February are the reference, March to December follow.

    One request asks about all flights that leave one airport within one hour; a label is known when its
    flight has landed.
    """
    tables = flights.read()
    rows = frame(tables, progress)
    return Source(
        name="flight-delay",
        rows=rows,
        target=TARGET,
        time="event_time",
        known="landed_at",
        begins=month_begins(EVENT_MONTHS[0]),
        recipes=recipes(features().datatypes()),
        key="origin",
        context=CONTEXT,
        zone=LOCAL_TIME_ZONE,
        noun="flights",
        question=f"Does a flight arrive more than {LATE_MINUTES} minutes late?",
        origin=origin(tables),
    )


def month_begins(month: int) -> datetime:
    """The first moment of a month of 2013 by the clock of the origins; 13 is the January after."""
    local = datetime(2013 + (month > 12), (month - 1) % 12 + 1, 1, tzinfo=ZoneInfo(LOCAL_TIME_ZONE))
    return local.astimezone(UTC)
