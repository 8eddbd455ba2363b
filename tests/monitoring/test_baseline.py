"""Baseline replay: what depends on its neighbours or changes within the reference is found by itself."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tidegate._native import ProfileBuilder, ln_alarm, scan
from tidegate.monitoring.baseline import Replayed, change, cut, replay
from tidegate.types import InputSpec

ROWS = 60_000
random = np.random.default_rng(12)
SPECS = [
    InputSpec(name=name, datatype=datatype, shape=[-1, 1], columns=[name], missing=missing)  # type: ignore[arg-type]
    for name, datatype, missing in (
        ("free", "FP32", None),
        ("wave", "FP64", None),
        ("few", "INT64", None),
        ("carrier", "BYTES", ""),
        ("gone", "FP32", None),
    )
]


def frame() -> pl.DataFrame:
    noise = random.normal(size=ROWS)
    weather = np.repeat(random.normal(size=ROWS // 50), 50)
    gone = np.where(np.repeat(random.random(ROWS // 50) < 0.2, 50), np.nan, noise)
    few, carrier = random.integers(0, 5, ROWS), random.choice(["AA", "UA", ""], ROWS)
    free = noise.astype(np.float32)
    return pl.DataFrame({"free": free, "wave": weather, "few": few, "carrier": carrier, "gone": gone})


def made(rows: pl.DataFrame) -> bytes:
    builder = ProfileBuilder()
    for name in ("free", "wave", "few", "gone"):
        single = rows[name].to_numpy().astype(np.float32 if name in {"free", "gone"} else np.float64)
        builder.numeric(name, single.astype(np.float64))
    builder.categorical("carrier", [value or None for value in rows["carrier"]])
    return builder.build().to_bytes()


def test_finds_the_rhythm_of_each_stream() -> None:
    rows = frame()
    found = replay(made(rows), rows, SPECS, 1000)
    assert len(found) == 10
    assert {one.note for one in found.values()} == {None}
    rhythmic = {stream for stream, one in found.items() if (one.design_effect or 0) > 1}
    assert rhythmic == {("input", "wave", "values"), ("input", "gone", "missing")}
    assert 30 < (found["input", "wave", "values"].design_effect or 0) < 80
    quiet = [one.ln_m for one in found.values() if one.ln_m is not None]
    assert max(quiet) < ln_alarm(10)
    assert found["input", "few", "missing"].ln_m is None  # one of its two bins is empty


def test_the_panes_are_those_of_production() -> None:
    rows = frame()
    profile = made(rows)
    short = replay(profile, rows, SPECS, 3000)
    assert {one.note for one in short.values()} == {"the reference has fewer than 30 panes of 3000 rows"}
    assert {(one.design_effect, one.ln_m) for one in short.values()} == {(None, None)}
    small = replay(profile, rows, SPECS, 200)["input", "wave", "values"].design_effect
    large = replay(profile, rows, SPECS, 1500)["input", "wave", "values"].design_effect
    assert small is not None
    assert large is not None
    assert small != large


def test_rows_that_the_profile_was_not_made_of_are_named() -> None:
    rows = frame()
    profile = made(rows)
    other = rows.with_columns(pl.col("free") + 0.01)
    found = replay(profile, other, SPECS, 1000)
    note = "feature 'free' of the registered dataset is not what the profile was made of"
    assert found["input", "free", "values"] == found["input", "free", "missing"] == Replayed(note=note)
    assert found["input", "few", "values"].design_effect == 1
    fewer = replay(profile, rows[:-1], SPECS, 1000)
    assert all("is not what the profile was made of" in (one.note or "") for one in fewer.values())
    some = replay(profile, rows.select("few"), SPECS, 1000)
    assert some["input", "free", "values"].note == "the registered dataset has no column 'free'"
    assert some["input", "few", "values"].note is None


def bins(values: NDArray[np.float64], count: int = 10) -> NDArray[np.uint64]:
    """Panes of 1000 rows over the bins that the values' own quantiles cut."""
    edges = np.quantile(values, np.arange(1, count) / count)
    return cut(np.searchsorted(edges, values), count, 1000)


def autoregressive(rows: int, phi: float) -> NDArray[np.float64]:
    noise = random.normal(size=rows)
    values = np.empty(rows)
    values[0] = noise[0]
    for at in range(1, rows):
        values[at] = phi * values[at - 1] + math.sqrt(1 - phi**2) * noise[at]
    return values


def effect(panes: NDArray[np.uint64]) -> float:
    from tidegate._native import design_effect

    found = design_effect(panes)
    assert found is not None
    return found


def test_exchangeable_rows_do_not_change() -> None:
    limit = ln_alarm(1)
    largest = []
    for _ in range(60):
        found = change(bins(random.normal(size=50_000)), 1.0)
        assert found is not None
        largest.append(found)
    # The bound lets one of 20,000 alarm; e-values of mean 1 are above 20 once in 20 checks at most.
    assert max(largest) < limit
    assert np.quantile(largest, 0.5) < 2


@pytest.mark.parametrize("phi", [0.5, 0.9])
def test_rows_that_depend_on_their_neighbours_are_no_change(phi: float) -> None:
    panes = bins(autoregressive(100_000, phi))
    divided = effect(panes)
    assert {0.5: 1.2 < divided < 3, 0.9: 6 < divided < 20}[phi]
    found = change(panes, divided)
    assert found is not None
    assert found < ln_alarm(1)


@pytest.mark.parametrize("shape", ["trend", "step"])
def test_a_reference_that_changes_is_found_below_the_largest_effect(shape: str) -> None:
    time = np.linspace(0, 1, 200_000)
    moved = 0.3 * (time if shape == "trend" else (time > 0.8))
    panes = bins(random.normal(size=200_000) + moved)
    divided = effect(panes)
    assert 1 < divided < 20
    found = change(panes, divided)
    assert found is not None
    assert found > ln_alarm(56)


def test_a_check_is_the_scan_of_its_window_against_the_rest() -> None:
    panes = random.multinomial(1000, [0.1] * 10, 9).astype(np.uint64)
    panes[6] = [400, 100, 100, 100, 50, 50, 50, 50, 50, 50]
    rest = panes.sum(axis=0, dtype=np.uint64) - panes[6]
    expected = scan(rest, panes[6:7], "count", 1.5)[0][0]
    assert change(panes, 1.5) == pytest.approx(expected, abs=1e-12)
