"""Supports: a grid is found whatever its step and origin, and a column without one has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.monitoring.support import support


@given(
    st.floats(0.001, 100.0),
    st.floats(-100.0, 100.0),
    st.lists(st.integers(0, 400), min_size=6, max_size=60, unique=True),
    st.integers(0, 2**32 - 1),
)
def test_a_grid_is_found_in_float32(step: float, origin: float, points: list[int], seed: int) -> None:
    assume(np.gcd.reduce(np.diff(sorted(points))) == 1)
    assume(abs(origin) + 400 * step < 2000 * step * 10)  # float32 must tell the points apart
    random = np.random.default_rng(seed)
    drawn = np.concatenate([np.repeat(points, 10), random.choice(points, 2000)])
    values = (origin + step * drawn).astype(np.float32).astype(np.float64)
    found = support(values)
    assert found is not None
    if found.step:  # otherwise float32 is too coarse, and the values themselves are kept
        # What four of five rows lie on may be coarser than what all lie on, and never finer.
        assert round(found.step / step) >= 1
        assert found.step / step == pytest.approx(round(found.step / step), abs=1e-3)
        assert found.holds(values) >= 0.95
        more = (origin + found.step * np.arange(500, 900) + found.origin - origin).astype(np.float32)
        assert found.holds(more.astype(np.float64)) == 1.0


def test_fahrenheit_is_a_grid_that_celsius_is_not_on() -> None:
    random = np.random.default_rng(0)
    celsius = np.round(random.normal(3.0, 5.0, 5000), 1)
    found = support((celsius * 1.8 + 32).astype(np.float32).astype(np.float64))
    assert found is not None
    assert found.step == pytest.approx(0.18, abs=1e-6)
    summer = np.round(random.normal(26.0, 4.0, 5000), 1)
    assert found.holds((summer * 1.8 + 32).astype(np.float32).astype(np.float64)) == 1.0
    assert found.holds(summer.astype(np.float32).astype(np.float64)) < 0.2


def test_few_values_are_a_set_and_many_are_nothing() -> None:
    random = np.random.default_rng(0)
    places = np.sqrt(np.arange(2, 60))
    found = support(random.choice(places, 5000))
    assert found is not None
    assert found.step == 0.0
    assert (found.holds(places), found.holds(places + 0.01)) == (1.0, 0.0)
    assert found.holds(np.array([])) == 1.0
    assert support(random.normal(size=5000)) is None
    assert support(np.zeros(5000)) is None
