"""Evidence on pairs: bets whose expectation is at most one, that add up over panes in any order."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.rollout.paired import BETS, Pairs, ln_bets

differences = st.lists(st.floats(-1, 1), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(0.0, 1.0), st.integers(1, 6))
def test_the_expectation_is_at_most_one_under_the_null(mean: float, spread: float, keys: int) -> None:
    """Complete enumeration of two-valued differences whose mean is the null's edge."""
    low, high = -1.0, mean + spread * (1 - mean)
    if high <= mean:
        return
    p = (mean - low) / (high - low)
    total = 0.0
    for way in itertools.product((low, high), repeat=keys):
        ups = sum(value == high for value in way)
        bets = ln_bets(np.array(way), mean)
        total += p**ups * (1 - p) ** (keys - ups) * sum(math.exp(ln) for ln in bets) / len(BETS)
    assert total == pytest.approx(1, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(differences, differences)
def test_panes_add_up(one: list[float], other: list[float]) -> None:
    a, b = (Pairs.of(np.array(part, dtype=float), 0.01, 0.0) for part in (one, other))
    both = Pairs.of(np.array(one + other, dtype=float), 0.01, 0.0)
    for sum_ in (a.add(b), b.add(a)):
        assert sum_.keys == both.keys
        assert [*sum_.ni, *sum_.sup, *sum_.harm] == pytest.approx([*both.ni, *both.sup, *both.harm], abs=1e-9)
        assert (sum_.sum_d, sum_.sum_d2) == pytest.approx((both.sum_d, both.sum_d2), abs=1e-9)
    assert Pairs.model_validate_json(a.model_dump_json()) == a


def test_each_hypothesis_hears_its_own_side() -> None:
    random = np.random.default_rng(5)
    noise = random.uniform(-0.05, 0.05, 4000)
    better, same, worse = (Pairs.of(mean + noise, 0.01, 0.0) for mean in (0.02, 0.0, -0.03))
    assert min(better.ln_ni, better.ln_sup) > math.log(20) > better.ln_harm
    assert same.ln_ni > math.log(20) > max(same.ln_sup, same.ln_harm)
    assert worse.ln_harm > math.log(20) > max(worse.ln_ni, worse.ln_sup)
    assert Pairs().ln_ni == Pairs().ln_sup == Pairs().ln_harm == 0


def test_pairs_see_a_gain_that_answered_rows_do_not() -> None:
    from tidegate.rollout.evidence import Stratified

    random = np.random.default_rng(6)
    base = random.uniform(0.1, 0.5, 4000)
    gain = 0.005 + random.uniform(-0.05, 0.05, 4000)
    theirs = random.random(4000) < 0.1
    exposed = Stratified.start(0.7).add(
        int(theirs.sum()),
        float((1 - base + gain)[theirs].sum()),
        int((~theirs).sum()),
        float((1 - base)[~theirs].sum()),
    )
    assert Pairs.of(gain, 0.01, 0.0).ln_sup > math.log(20) > exposed.ln_e
