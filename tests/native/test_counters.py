"""Counts, PSI and KS against numpy and scipy, on any numbers."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tidegate._native import Counters, ProfileBuilder, ReferenceProfile, psi
from tidegate.errors import InvalidInputError, NotFoundError

SMALL = st.integers(-6, 6).map(float)
NUMBERS = st.one_of(SMALL, st.floats(allow_nan=True), st.sampled_from([math.inf, -math.inf, math.nan, -0.0]))
COLUMN = st.lists(NUMBERS, min_size=1, max_size=120)


def profile(values: Any, name: str = "x") -> ReferenceProfile:
    builder = ProfileBuilder()
    builder.numeric(name, np.asarray(values, dtype=np.float64))
    return builder.build()


def counted(reference: ReferenceProfile, *batches: Any) -> Counters:
    counters = Counters(reference)
    for batch in batches:
        counters.numeric("x", np.asarray(batch))
    return counters


def present(values: Any) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]


def naive_bins(built: ReferenceProfile, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Right-closed bins between the edges; else one per point, and one for the rest."""
    if built.features()[0]["mode"] == "quantile":
        edges = built.edges("x")
        return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    points = built.points("x")
    own = np.array([(values == point).sum() for point in points])
    return np.append(own, len(values) - own.sum())


def naive_psi(reference: NDArray[Any], live: NDArray[Any]) -> float:
    used = (reference > 0) | (live > 0)
    p, q = reference[used] + 0.5, live[used] + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum())


def naive_ks(reference: NDArray[np.float64], live: NDArray[np.float64]) -> int:
    """The numerator of D in integers: the largest |count_live * m - count_reference * n|."""
    m, n = len(reference), len(live)
    most = 0
    for point in np.concatenate([reference, live]):
        above = int((live <= point).sum()) * m - int((reference <= point).sum()) * n
        most = max(most, abs(above))
    return most


@given(COLUMN, COLUMN)
def test_statistics_equal_numpy_and_scipy(reference: list[float], live: list[float]) -> None:
    built = profile(reference)
    (found,) = counted(built, live).statistics()
    known, seen = present(reference), present(live)
    assert found["rows"] == len(live)
    assert found["missing"] == len(live) - len(seen)
    assert found["nonfinite"] == int(np.isinf(seen).sum())
    if not len(known) or not len(seen):
        assert found["psi"] is None
        assert found["ks"] is None
        assert found["reason"] == ("NO_LIVE" if len(known) else "NO_REFERENCE")
        return
    expected = naive_psi(naive_bins(built, known), naive_bins(built, seen))
    assert found["psi"] == pytest.approx(expected, abs=1e-12)
    assert found["ks_denominator"] == len(known) * len(seen)
    assert found["ks_numerator"] == naive_ks(known, seen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scipy's p-value, which is not compared
        expected = scipy.stats.ks_2samp(known, seen).statistic
    # scipy rounds before it takes the difference.
    assert found["ks"] == pytest.approx(expected, abs=1e-15)


@given(COLUMN, COLUMN)
def test_bins_equal_numpy(reference: list[float], live: list[float]) -> None:
    built = profile(reference)
    known, seen = counted(built, live).bins("x")
    np.testing.assert_array_equal(known, naive_bins(built, present(reference)))
    np.testing.assert_array_equal(seen, naive_bins(built, present(live)))


def test_quantile_bins_of_many_rows() -> None:
    rng = np.random.default_rng(3)
    reference, live = rng.normal(size=20_000), rng.normal(0.3, 1.2, size=5_000).astype(np.float32)
    built = profile(reference)
    (found,) = counted(built, live).statistics()
    wide = live.astype(np.float64)
    assert built.features()[0]["bins"] == 10
    expected = naive_psi(naive_bins(built, reference), naive_bins(built, wide))
    assert found["psi"] == pytest.approx(expected, abs=1e-12)
    assert found["ks"] == pytest.approx(scipy.stats.ks_2samp(reference, wide).statistic, abs=1e-15)
    assert found["ks_p_value"] == pytest.approx(
        scipy.special.kolmogorov(found["ks"] * math.sqrt(20_000 * 5_000 / 25_000)), rel=1e-9
    )
    assert found["psi_p_value"] == pytest.approx(
        scipy.stats.chi2.sf(found["psi"] / (1 / 20_000 + 1 / 5_000), 9), rel=1e-9
    )
    assert found["psi_threshold"] == pytest.approx(scipy.stats.chi2.isf(0.05, 9) * (1 / 20_000 + 1 / 5_000))
    assert found["psi_bias_corrected"] == pytest.approx(found["psi"] - 9 * (1 / 20_000 + 1 / 5_000))
    assert found["psi_ci_low"] is not None
    assert found["psi_ci_high"] is not None
    assert found["psi_ci_low"] < found["psi_bias_corrected"] < found["psi_ci_high"]


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=12).flatmap(
        lambda a: st.tuples(st.just(a), st.lists(st.integers(0, 50), min_size=len(a), max_size=len(a)))
    )
)
def test_psi_of_bins_equals_numpy(bins: tuple[list[int], list[int]]) -> None:
    reference, live = (np.array(side, dtype=np.uint64) for side in bins)
    found = psi(reference, live)
    used = (reference > 0) | (live > 0)
    if not reference.any() or not live.any():
        assert found["psi"] is None
        assert found["magnitude"] is None
    elif used.sum() < 2:
        assert (found["psi"], found["reason"]) == (0.0, "ONE_BIN")
    else:
        assert found["psi"] == pytest.approx(naive_psi(reference, live), abs=1e-12)
        assert found["psi_bins"] == used.sum()


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"])
def test_every_dtype_counts_the_same(dtype: str) -> None:
    built = profile([0.0, 1.0, 1.0])
    counters = counted(built, np.array([0, 1, 1, 0, 1], dtype=dtype))
    assert counters.cells("x").tolist() == [0, 2, 0, 3, 0]


@given(COLUMN, COLUMN, COLUMN)
def test_counts_add_up(reference: list[float], first: list[float], second: list[float]) -> None:
    built = profile(reference)
    both, one, two = counted(built, first, second), counted(built, first), counted(built, second)
    one.add(two)
    np.testing.assert_array_equal(one.cells("x"), both.cells("x"))
    one.subtract(two)
    np.testing.assert_array_equal(one.cells("x"), counted(built, first).cells("x"))
    one.add(one)
    assert one.rows("x") == 2 * len(first)
    one.subtract(one)
    assert one.rows("x") == one.missing("x") == one.nonfinite("x") == 0


def test_categories_rare_unseen_missing() -> None:
    builder = ProfileBuilder()
    builder.categorical("c", ["a"] * 40 + ["b"] * 30 + ["rare", None])
    counters = Counters(builder.build())
    counters.categorical("c", ["b", b"b", "a", "rare", "new", "", None, None])
    assert counters.cells("c").tolist() == [1, 2, 1, 2]
    assert (counters.rows("c"), counters.missing("c")) == (8, 2)
    reference, live = counters.bins("c")
    assert reference.tolist() == [40, 30, 1, 0]
    (found,) = counters.statistics()
    assert found["psi"] == pytest.approx(naive_psi(reference, live), abs=1e-12)
    assert found["ks"] is None


def test_role_tells_features_apart() -> None:
    builder = ProfileBuilder()
    builder.numeric("x", np.array([1.0, 2.0]))
    builder.numeric("x", np.array([0.5]), role="score")
    counters = Counters(builder.build())
    counters.numeric("x", np.array([0.5, 0.5]), role="score")
    assert counters.rows("x") == 0
    assert counters.cells("x", role="score").tolist() == [0, 2, 0]
    assert [(row["feature"], row["role"]) for row in counters.statistics()] == [
        ("x", "input"),
        ("x", "score"),
    ]


def test_counts_of_the_scoring_process_are_read() -> None:
    built = profile([1.0, 2.0, 3.0])
    live = counted(built, [1.0, math.nan, math.inf])
    data = live.to_ipc("sha256:a", "1")
    (row,) = pl.read_ipc_stream(data).iter_rows(named=True)
    assert (row["variant"], row["version"], row["shadow"]) == ("sha256:a", "1", False)
    assert (row["rows"], row["missing"], row["nonfinite"], row["cells"]) == (3, 1, 1, [0, 1, 0, 0, 0, 0, 1])
    assert Counters.from_ipc(built, data, "sha256:a").statistics() == live.statistics()
    assert Counters.from_ipc(built, data, variant="sha256:a", shadow=False).rows("x") == 3
    for variant, shadow in (("sha256:b", None), ("sha256:a", True)):
        with pytest.raises(NotFoundError, match=f"no variant '{variant}'; they hold: sha256:a"):
            Counters.from_ipc(built, data, variant, shadow)
    with pytest.raises(InvalidInputError, match="cells expected"):
        Counters.from_ipc(profile([1.0]), data, "sha256:a")


@given(st.binary(max_size=200))
def test_bytes_that_are_no_counts(data: bytes) -> None:
    built = profile([1.0, 2.0])
    whole = Counters(built).to_ipc("sha256:a", "1")
    for wrong in (data, whole[: len(data)]):
        with pytest.raises((InvalidInputError, NotFoundError)):
            Counters.from_ipc(built, wrong, "sha256:a")


def test_faults_are_named() -> None:
    built = profile([1.0, 2.0])
    counters = Counters(built)
    with pytest.raises(InvalidInputError, match="no input feature 'y'"):
        counters.numeric("y", np.zeros(1))
    with pytest.raises(InvalidInputError, match="feature `x` is numeric, values were categorical"):
        counters.categorical("x", ["a"])
    with pytest.raises(InvalidInputError, match="'x' must be numbers, got BYTES"):
        counters.numeric("x", np.array(["a"]))
    with pytest.raises(InvalidInputError, match="cannot subtract more than was counted"):
        counters.subtract(counted(built, [1.0]))
    with pytest.raises(InvalidInputError, match="cells expected"):
        counters.add(Counters(profile([1.0])))
    with pytest.raises(InvalidInputError, match="alpha must be between 0 and 1, got 1"):
        counters.statistics(alpha=1.0)
    with pytest.raises(InvalidInputError, match="live has 2 bins, reference 3"):
        psi(np.zeros(3, np.uint64), np.zeros(2, np.uint64))
