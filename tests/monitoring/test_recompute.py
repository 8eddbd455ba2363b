"""The recomputation from the log agrees with the counters, and notices when it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate._native import Counters, ProfileBuilder
from tidegate.errors import InvalidInputError
from tidegate.monitoring.recompute import largest, recompute
from tidegate.types import Contract, InputSpec

CONTRACT = Contract(
    inputs=[
        InputSpec(name="x", datatype="FP32", shape=[-1, 1], columns=["x"]),
        InputSpec(name="k", datatype="INT64", shape=[-1, 1], columns=["k"]),
        InputSpec(name="c", datatype="BYTES", shape=[-1, 1], columns=["c"], missing="none"),
    ],
    outputs=[],
)
numbers = st.sampled_from([0.0, -0.0, 1.0, 1.5, float("nan"), float("inf"), float("-inf")]) | st.floats(
    -3, 3, width=32
)
rows = st.tuples(numbers, st.integers(-3, 30), st.sampled_from(["AA", "UA", "rare", "new", "", "none"]))


def columns(table: list[tuple[float, int, str]]) -> dict[str, Any]:
    return {
        "x": np.array([row[0] for row in table], dtype=np.float32),
        "k": np.array([row[1] for row in table], dtype=np.int64),
        "c": [None if row[2] == "none" else row[2] for row in table],
    }


def compared(
    reference: list[tuple[float, int, str]],
    live: list[tuple[float, int, str]],
    logged: list[tuple[float, int, str]],
) -> list[dict[str, Any]]:
    builder = ProfileBuilder()
    values = columns(reference)
    builder.numeric("x", values["x"].astype(np.float64))
    builder.numeric("k", values["k"].astype(np.float64))
    builder.categorical("c", values["c"])
    builder.numeric("score", values["x"].astype(np.float64) / 2, role="score")
    profile = builder.build()
    counters = Counters(profile)
    values = columns(live)
    counters.numeric("x", values["x"])
    counters.numeric("k", values["k"])
    counters.categorical("c", values["c"])
    counters.numeric("score", values["x"].astype(np.float64) / 2, role="score")
    values = columns(logged)
    frame = pl.DataFrame(
        {
            "input.x": values["x"],
            "input.k": values["k"],
            "input.c": pl.Series([row[2] for row in logged], dtype=pl.String),
            "score": values["x"].astype(np.float64) / 2,
        }
    )
    return recompute(profile.to_bytes(), counters, frame, CONTRACT)


def sample(count: int, seed: int) -> list[tuple[float, int, str]]:
    random = np.random.default_rng(seed)
    texts = random.choice(["AA", "UA", "rare", "none"], count, p=[0.5, 0.4, 0.01, 0.09]).tolist()
    values = random.normal(size=count).astype(np.float32).tolist()
    return list(zip(values, random.integers(0, 40, count).tolist(), texts, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=80), st.lists(rows, max_size=60))
def test_agrees_exactly(reference: list[tuple[float, int, str]], live: list[tuple[float, int, str]]) -> None:
    found = compared(reference, live, live)
    assert [(row["feature"], row["role"]) for row in found] == [
        ("x", "input"), ("k", "input"), ("c", "input"), ("score", "score"),
    ]  # fmt: skip
    most = largest(found)
    assert (most["rows_difference"], most["cells_differing"], most["ks_numerator_difference"]) == (0, 0, 0)
    assert most["psi_difference"] is None or most["psi_difference"] < 1e-12
    assert most["ks_scipy_difference"] is None or most["ks_scipy_difference"] <= 4e-16


def test_agrees_on_many_rows() -> None:
    most = largest(compared(sample(15_000, 1), sample(5000, 2), sample(5000, 2)))
    assert most["features"] == 4
    assert (most["rows_difference"], most["cells_differing"], most["ks_numerator_difference"]) == (0, 0, 0)
    assert most["psi_difference"] < 1e-13
    assert most["ks_scipy_difference"] <= 2e-16


def test_notices_one_changed_row() -> None:
    live = sample(400, 3)
    logged = [(live[0][0] + 1.0, live[0][1] + 1, "new"), *live[1:]]
    found = {row["feature"]: row for row in compared(sample(2000, 4), live, logged)}
    assert all(found[name]["cells_differing"] == 2 for name in ("x", "k", "c", "score"))
    lost = {row["feature"]: row for row in compared(sample(2000, 4), live, live[1:])}
    assert all(row["rows_difference"] >= 1 for row in lost.values())
    assert largest(list(lost.values()))["ks_numerator_difference"] > 0


def test_a_log_without_the_feature_is_refused() -> None:
    builder = ProfileBuilder()
    builder.numeric("y", np.arange(30.0))
    profile = builder.build()
    with pytest.raises(InvalidInputError, match=r"no column 'input\.y'"):
        recompute(profile.to_bytes(), Counters(profile), pl.DataFrame({"score": [1.0]}), CONTRACT)
