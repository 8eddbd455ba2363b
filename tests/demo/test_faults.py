"""Faults of the data on the flights: silent on each honest month, loud on what is broken in the same."""

from __future__ import annotations

import polars as pl
import pytest

from tidegate.demo import data, flights
from tidegate.monitoring.faults import Fault, faults

BROKEN = (3, 7, 12)
FEATURES = data.features().names()


@pytest.fixture(scope="module")
def year() -> pl.DataFrame:
    return data.frame(flights.read())


def month(year: pl.DataFrame, number: int) -> pl.DataFrame:
    return year.filter(pl.col("month") == number)


def found(year: pl.DataFrame, live: pl.DataFrame) -> list[Fault]:
    """The faults of ``live`` against January and February, flights that arrived."""
    return faults(year.filter(pl.col("month") < 3, pl.col("late").is_not_null()), live, FEATURES)


def test_no_month_of_the_year_has_a_fault(year: pl.DataFrame) -> None:
    for number in data.EVENT_MONTHS:
        assert found(year, month(year, number)) == [], number


@pytest.mark.parametrize("number", BROKEN)
def test_another_unit_is_named(year: pl.DataFrame, number: int) -> None:
    units = {
        "temp": ((pl.col("temp") - 32) / 1.8, ["Fahrenheit", "Celsius"]),
        "distance": (pl.col("distance") * 1.609344, ["miles", "kilometres"]),
        "pressure": (pl.col("pressure") * 0.0295299831, ["hectopascal", "inches of mercury"]),
        "origin_late_rate": (pl.col("origin_late_rate") * 100, ["fractions", "percent"]),
    }
    live = month(year, number).with_columns(**{name: given for name, (given, _) in units.items()})
    named = found(year, live)
    assert {fault["fault"] for fault in named} == {"unit_change"}
    assert {fault["columns"][0]: fault["figures"]["units"] for fault in named} == {
        name: pair for name, (_, pair) in units.items()
    }


@pytest.mark.parametrize("number", BROKEN)
def test_nulls_and_a_stuck_value_are_named(year: pl.DataFrame, number: int) -> None:
    some = pl.int_range(pl.len()) % 4 > 0
    live = month(year, number).with_columns(
        pl.when(some).then("dewp").alias("dewp"),
        pl.lit(8.0).alias("wind_speed"),
        pl.lit("UA").alias("carrier"),
    )
    named = {(fault["fault"], *fault["columns"]) for fault in found(year, live)}
    assert named == {("null_burst", "dewp"), ("stuck_value", "wind_speed"), ("constant_category", "carrier")}


@pytest.mark.parametrize("number", BROKEN)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("temp", "dewp"),
        ("temp", "pressure"),
        ("origin", "dest"),
        ("dest_lat", "dest_lon"),
        ("distance", "seats"),
    ],
)
def test_two_columns_swapped_are_named(year: pl.DataFrame, number: int, one: str, other: str) -> None:
    live = month(year, number).with_columns(pl.col(one).alias(other), pl.col(other).alias(one))
    (fault,) = found(year, live)
    assert (fault["fault"], set(fault["columns"])) == ("swapped_columns", {one, other})
    assert "swapped" in fault["says"]
