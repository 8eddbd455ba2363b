"""The shuffled control is silent, and the same rows in their own order are not: the control can fail."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tidegate.errors import InvalidInputError
from tidegate.monitoring.control import loudest, shuffled_control
from tidegate.types import InputSpec

REFERENCE, LIVE = 30_000, 40_000
INPUTS = [
    InputSpec(name="amount", datatype="FP32", shape=[-1, 1], columns=["amount"]),
    InputSpec(name="count", datatype="INT64", shape=[-1, 1], columns=["count"]),
    InputSpec(name="place", datatype="BYTES", shape=[-1, 1], columns=["place"], missing=""),
]


def drifting(seed: int) -> pl.DataFrame:
    """Rows whose amount and place move with time; the count does not."""
    random = np.random.default_rng(seed)
    rows = REFERENCE + LIVE
    late = np.maximum(np.arange(rows) - REFERENCE, 0) / LIVE
    place = np.where(random.random(rows) < 0.3 + 0.3 * late, "north", "south").astype(object)
    place[random.random(rows) < 0.1] = None
    amount = (random.normal(size=rows) + late).astype(np.float32)
    return pl.DataFrame(
        {
            "amount": amount,
            "count": random.poisson(3, rows),
            "place": pl.Series(place.tolist(), dtype=pl.String),
        }
    )


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_is_silent_and_in_order_is_loud(seed: int) -> None:
    rows = drifting(seed)
    silent = shuffled_control(rows, INPUTS, 1000, seed, reference_rows=REFERENCE)
    assert (silent["streams"], silent["checks"], silent["alarms"]) == (6, 40, 0)
    assert silent["largest"] < silent["ln_alarm"] == pytest.approx(np.log(6e5))
    loud = loudest(rows[:REFERENCE], rows[REFERENCE:], INPUTS, 1000)
    assert loud["alarms"] == 2
    assert loud["largest"] > 10 * loud["ln_alarm"]


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does() -> None:
    rows = drifting(9)
    back = rows.reverse()
    assert shuffled_control(back, INPUTS, 1000, 1, reference_rows=REFERENCE)["alarms"] == 0
    one, other = (shuffled_control(rows, INPUTS, 1000, seed, reference_rows=REFERENCE) for seed in (1, 2))
    assert one == shuffled_control(rows, INPUTS, 1000, 1, reference_rows=REFERENCE)
    assert one["largest"] != other["largest"]


def test_too_few_rows_are_refused() -> None:
    rows = drifting(3)[:1500]
    with pytest.raises(InvalidInputError, match="a pane of 1000 rows; it has 1000 and 500 rows"):
        shuffled_control(rows, INPUTS, 1000, 1, reference_rows=1000)
