"""Baseline replay: rows that depend on their neighbours are found by the reference itself."""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegate._native import ProfileBuilder
from tidegate.monitoring.baseline import design_effects
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
        builder.numeric(name, rows[name].to_numpy().astype(np.float64))
    builder.categorical("carrier", [value or None for value in rows["carrier"]])
    return builder.build().to_bytes()


def test_finds_the_rhythm_of_each_stream() -> None:
    rows = frame()
    effects = design_effects(made(rows), rows, SPECS)
    assert len(effects) == 10
    rhythmic = {stream for stream, effect in effects.items() if effect > 1}
    assert rhythmic == {("input", "wave", "values"), ("input", "gone", "missing")}
    assert 30 < effects["input", "wave", "values"] < 80


def test_too_few_panes_say_nothing() -> None:
    rows = frame()
    assert design_effects(made(rows), rows[:29_999], SPECS) == {}
    assert design_effects(made(rows), rows.select("few"), SPECS).keys() == {
        ("input", "few", "values"),
        ("input", "few", "missing"),
    }
