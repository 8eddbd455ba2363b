"""Faults of the data, one by one, and that honest rows have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.monitoring.faults import faults, newcombe
from tidegate.monitoring.units import fitted, unit_change


def rows(seed: int, size: int = 4000, warmer: float = 0.0) -> pl.DataFrame:
    """A weather of sorts: whole knots as miles per hour, tenths of Celsius as Fahrenheit, and a dew point."""
    random = np.random.default_rng(seed)
    celsius = np.round(random.normal(3.0 + warmer, 5.0, size), 1)
    dew = np.round(celsius - random.gamma(2.0, 3.0, size), 1)
    return pl.DataFrame(
        {
            "temp": celsius * 1.8 + 32,
            "dewp": dew * 1.8 + 32,
            "wind": random.poisson(9, size) * 1.15077945,
            "load": random.gamma(3.0, 10.0 + warmer, size),
            "hour": np.arange(size) % 24,
            "origin": random.choice(["EWR", "JFK", "LGA"], size, p=[0.5, 0.3, 0.2]),
            "carrier": random.choice(["UA", "AA", "B6", "DL"], size, p=[0.4, 0.3, 0.2, 0.1]),
        }
    ).with_columns(pl.when(pl.int_range(pl.len()) % 20 > 0).then("load").alias("load"))


REFERENCE = rows(0)
COLUMNS = REFERENCE.columns


def found(live: pl.DataFrame) -> list[tuple[str, list[str]]]:
    return [(fault["fault"], fault["columns"]) for fault in faults(REFERENCE, live, COLUMNS)]


def one(live: pl.DataFrame) -> dict[str, Any]:
    (fault,) = faults(REFERENCE, live, COLUMNS)
    return fault


@pytest.mark.parametrize("warmer", [0.0, 8.0, 20.0])
@pytest.mark.parametrize("size", [100, 4000])
def test_honest_rows_have_no_fault(warmer: float, size: int) -> None:
    for seed in range(1, 6):
        assert found(rows(seed, size, warmer)) == []


@pytest.mark.parametrize("warmer", [0.0, 20.0])
def test_another_unit_is_named_in_any_season(warmer: float) -> None:
    live = rows(1, warmer=warmer)
    fault = one(live.with_columns((pl.col("temp") - 32) / 1.8))
    assert (fault["fault"], fault["columns"]) == ("unit_change", ["temp"])
    assert fault["figures"]["units"] == ["Fahrenheit", "Celsius"]
    assert fault["says"].startswith(
        "temp: multiplied by 0.5556 and shifted by -17.78, as Fahrenheit given as Celsius"
    )
    assert fault["figures"]["on_support_converted"] == 1.0
    fault = one(live.with_columns(pl.col("wind") * 1.609344))
    assert fault["figures"]["units"] in (["miles", "kilometres"],)
    fault = one(live.with_columns(pl.col("hour") * 60))
    assert (fault["figures"]["units"], fault["columns"]) == (["minutes", "seconds"], ["hour"])
    if not warmer:
        fault = one(live.with_columns(pl.col("load") * 100))
        assert "as fractions given as percent; explains 9" in fault["says"]


def test_nulls_that_burst() -> None:
    live = rows(1).with_columns(pl.when(pl.int_range(pl.len()) % 3 > 0).then("wind").alias("wind"))
    fault = one(live)
    assert (fault["fault"], fault["columns"]) == ("null_burst", ["wind"])
    assert fault["figures"]["missing"] == pytest.approx(1 / 3, abs=1e-3)
    assert 0.31 < fault["figures"]["difference_low"] < 1 / 3 < fault["figures"]["difference_high"] < 0.36
    assert fault["says"].startswith("wind: missing in 33.4% of the rows, 0.0% in the reference")
    assert found(rows(1).with_columns(pl.lit(None, dtype=pl.String).alias("carrier"))) == [
        ("null_burst", ["carrier"])
    ]
    nan = rows(1).with_columns(pl.lit(float("nan")).alias("temp"))
    assert found(nan) == [("null_burst", ["temp"])]


def test_what_the_reference_had_for_as_long_is_no_fault() -> None:
    parts = [rows(seed, 500).with_columns(weekday=pl.lit(seed)) for seed in range(7)]
    gone = rows(8, 500).with_columns(pl.lit(None, dtype=pl.Float64).alias("wind"), weekday=pl.lit(7))
    reference = pl.concat([*parts, gone], how="vertical_relaxed")
    live = rows(9, 500).with_columns(pl.lit(None, dtype=pl.Float64).alias("wind"), weekday=pl.lit(3))
    assert faults(reference, live, ["wind", "weekday"]) == []
    longer = pl.concat([live, live, live])
    assert [one["fault"] for one in faults(reference, longer, ["wind", "weekday"])] == [
        "null_burst",
        "stuck_value",
    ]


def test_a_value_that_takes_over() -> None:
    stuck = pl.when(pl.int_range(pl.len()) % 10 > 2).then(50.0).otherwise("temp").alias("temp")
    fault = one(rows(1).with_columns(stuck))
    assert (fault["fault"], fault["figures"]["value"]) == ("stuck_value", 50.0)
    assert "stuck at 50, in 70" in fault["says"]
    fault = one(rows(1).with_columns(pl.lit("JFK").alias("origin")))
    assert (fault["fault"], fault["figures"]["distinct"]) == ("constant_category", 1)
    assert fault["says"].startswith("origin: stuck at 'JFK', in 100.0% of the rows, 30.")


def test_categories_in_a_new_coding() -> None:
    fault = one(rows(1).with_columns(pl.col("origin").str.to_lowercase() + " "))
    assert (fault["fault"], fault["figures"]["spelled"]) == ("recoded_categories", 1.0)
    assert "known ones in another spelling" in fault["says"]
    numbers = {"UA": "1", "AA": "2", "B6": "3", "DL": "4"}
    fault = one(rows(1).with_columns(pl.col("carrier").replace(numbers)))
    assert (fault["fault"], fault["columns"]) == ("recoded_categories", ["carrier"])
    assert "as if named anew" in fault["says"]
    strange = [f"x{number}" for number in range(40)]
    many = pl.Series("carrier", [strange[row % 40] for row in range(4000)])
    assert found(rows(1).with_columns(many)) == [("unseen_categories", ["carrier"])]
    newcomer = (
        pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("WN")).otherwise("carrier").alias("carrier")
    )
    assert found(rows(1).with_columns(newcomer)) == []


@pytest.mark.parametrize(
    ("one", "other", "sign"),
    [
        ("temp", "dewp", "temp was not below dewp in the reference, and is not above it now"),
        ("wind", "hour", "wind and hour: swapped"),
        ("origin", "carrier", "near to what the other was"),
    ],
)
def test_two_columns_swapped(one: str, other: str, sign: str) -> None:
    for warmer in (0.0, 15.0):
        live = rows(1, warmer=warmer).with_columns(pl.col(one).alias(other), pl.col(other).alias(one))
        faulty = faults(REFERENCE, live, COLUMNS)
        assert [(fault["fault"], set(fault["columns"])) for fault in faulty] == [
            ("swapped_columns", {one, other})
        ]
        assert sign in faulty[0]["says"]


def test_too_few_rows_say_nothing() -> None:
    assert found(rows(1, 49).with_columns(pl.lit(None, dtype=pl.Float64).alias("temp"))) == []
    assert faults(REFERENCE.head(0), rows(1), COLUMNS) == []
    assert found(rows(1).with_columns(pl.lit(None, dtype=pl.Float64).alias("load"))) == [
        ("null_burst", ["load"])
    ]


def test_newcombe_by_the_paper() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80.
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert newcombe(10, 10, 0, 10) == pytest.approx((0.6075, 1.0), abs=1e-4)


def test_a_fit_of_quantiles_survives_a_few_that_are_off() -> None:
    old = np.linspace(0, 10, 49)
    new = 2.5 * old - 4
    new[:8] = 0.0
    fit = fitted(old, np.sort(new))
    assert (fit.factor, fit.shift) == pytest.approx((2.5, -4.0), abs=0.2)
    random = np.random.default_rng(0)
    assert unit_change(random.normal(size=500), random.normal(0.5, 1.4, size=500)) is None
    assert unit_change(np.ones(500), np.zeros(500)) is None
