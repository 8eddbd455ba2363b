"""Reference profiles: what they say about training data, and that their bytes are plain Arrow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate._native import ProfileBuilder, ReferenceProfile
from tidegate.errors import InvalidInputError


def profile(values: Any, **options: Any) -> ReferenceProfile:
    builder = ProfileBuilder()
    builder.numeric("x", np.asarray(values, dtype=np.float64), **options)
    return builder.build()


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=200))
def test_points_are_the_distinct_values(values: list[float]) -> None:
    array = np.array(values)
    present = array[~np.isnan(array)]
    built = profile(array)
    points, weights = np.unique(present + 0.0, return_counts=True)
    np.testing.assert_array_equal(built.points("x"), points)
    np.testing.assert_array_equal(built.weights("x"), weights.astype(np.uint64))
    (feature,) = built.features()
    assert (feature["rows"], feature["missing"]) == (len(values), len(values) - len(present))


@given(st.lists(st.sampled_from(["a", "b", "", b"\xff", None]), min_size=1, max_size=400))
def test_categories_are_counted(values: list[str | bytes | None]) -> None:
    builder = ProfileBuilder()
    builder.categorical("c", values)
    names, counts = builder.build().categories("c")
    raw = [value.encode() if isinstance(value, str) else value for value in values]
    expected = {name: raw.count(name) for name in raw if name is not None and raw.count(name) >= 20}
    assert dict(zip(names, counts.tolist(), strict=True)) == expected


def test_bytes_come_back_and_are_arrow() -> None:
    builder = ProfileBuilder()
    builder.numeric("x", np.random.default_rng(1).normal(size=3000))
    builder.numeric("x", np.array([0.1, 0.9, np.nan]), role="score")
    builder.categorical("c", ["a"] * 30 + ["rare", None])
    built = builder.build()
    data = built.to_bytes()
    again = ReferenceProfile.from_bytes(data)
    assert again.to_bytes() == data
    assert again.features() == built.features()
    np.testing.assert_array_equal(again.edges("x"), built.edges("x"))
    assert again.points("x", role="score").tolist() == [0.1, 0.9]
    table = pl.read_ipc(io.BytesIO(data), use_pyarrow=False)
    assert table.height == 3
    # Cells of 32 bits: 2 U + 1 or k + 2 a feature, then missing and nonfinite.
    assert built.memory_bytes() == 4 * ((2 * 3000 + 3) + (2 * 2 + 3) + (1 + 4))


def test_a_grid_keeps_the_edges() -> None:
    values = np.random.default_rng(2).normal(size=20_000)
    grid = profile(values, points=300)
    assert grid.points("x").size <= 300
    np.testing.assert_array_equal(grid.edges("x"), profile(values).edges("x"))
    assert np.isin(grid.edges("x"), grid.points("x")).all()


@pytest.mark.parametrize("dtype", ["f4", "i8", "i4", "u1", "?"])
def test_any_number_is_taken(dtype: str) -> None:
    builder = ProfileBuilder()
    builder.numeric("x", np.array([0, 1, 1], dtype=dtype))
    assert builder.build().weights("x").tolist() == [1, 2]


def test_faults_are_named() -> None:
    builder = ProfileBuilder()
    with pytest.raises(InvalidInputError, match="features: expected at least 1"):
        builder.build()
    with pytest.raises(InvalidInputError, match="at least 1, got 0"):
        builder.numeric("x", np.array([]))
    with pytest.raises(InvalidInputError, match=r"'x' must have one dimension, got shape \[2, 2\]"):
        builder.numeric("x", np.zeros((2, 2)))
    with pytest.raises(InvalidInputError, match="'x' must be numbers, got BYTES"):
        builder.numeric("x", np.array(["a"]))
    with pytest.raises(InvalidInputError, match="'c' must hold str or bytes, got float at 1"):
        builder.categorical("c", ["a", 0.5])  # type: ignore[list-item]
    with pytest.raises(InvalidInputError, match="role must be 'input' or 'score', got 'label'"):
        builder.numeric("x", np.zeros(1), role="label")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="points: expected at least"):
        builder.numeric("x", np.arange(100.0), points=2)
    builder.numeric("x", np.zeros(1))
    builder.numeric("x", np.zeros(1))
    with pytest.raises(InvalidInputError, match="`x`: its name stands twice among the input features"):
        builder.build()


def test_questions_about_the_wrong_feature() -> None:
    builder = ProfileBuilder()
    builder.numeric("x", np.zeros(1))
    builder.categorical("c", ["a"])
    built = builder.build()
    with pytest.raises(InvalidInputError, match="no input feature 'y'"):
        built.points("y")
    with pytest.raises(InvalidInputError, match="no score feature 'x'"):
        built.points("x", role="score")
    with pytest.raises(InvalidInputError, match="'c' is categorical, only a numeric one has points"):
        built.points("c")
    with pytest.raises(InvalidInputError, match="'x' is numeric, only a categorical one has categories"):
        built.categories("x")


@given(st.binary(max_size=300))
def test_bytes_that_are_no_profile(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        ReferenceProfile.from_bytes(data)
    whole = profile([1.0, 2.0]).to_bytes()
    with pytest.raises(InvalidInputError):
        ReferenceProfile.from_bytes(whole[: len(data)])
