"""Evidence on answered rows: golden values, and that it is no more than it may be when nothing is there."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.rollout.evidence import LN_LIMIT, Stratified, srm_ln_e
from tidegate.rollout.state import Assignment, State

GOLDEN = json.loads((Path(__file__).parent.parent / "data" / "stats_reference.json").read_text())
means = st.floats(0.02, 0.98)
sizes = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=3)


@pytest.mark.parametrize("case", GOLDEN["stratified_e"], ids=str)
def test_golden_values(case: dict[str, object]) -> None:
    prior, keys = case["prior_mean"], case["prior_n"]
    assert isinstance(prior, float)
    assert isinstance(keys, int)
    evidence = Stratified.start(prior, keys)
    found = []
    assert isinstance(case["blocks"], list)
    for x_a, n_a, x_b, n_b in case["blocks"]:
        evidence = evidence.add(n_a, x_a, n_b, x_b, eps_a=case["eps_a"], eps_b=case["eps_b"])  # type: ignore[arg-type]
        found.append(evidence.ln_e)
    assert found == pytest.approx(case["ln_e_after_each"], abs=1e-10)
    assert Stratified.model_validate_json(evidence.model_dump_json()) == evidence


@pytest.mark.parametrize("case", GOLDEN["srm_e"], ids=str)
def test_golden_values_of_shares(case: dict[str, list[float]]) -> None:
    counts = {str(arm): int(count) for arm, count in enumerate(case["counts"])}
    weights = {str(arm): weight for arm, weight in enumerate(case["weights"])}
    assert srm_ln_e(counts, weights) == pytest.approx(case["ln_e"], abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    sizes, st.lists(means, min_size=3, max_size=3), st.sampled_from([(0.0, 0.0), (0.02, 0.0), (0.0, 0.02)])
)
def test_its_expectation_is_at_most_one_under_the_null(
    panes: list[tuple[int, int]], bases: list[float], eps: tuple[float, float]
) -> None:
    """Complete enumeration at the null's edge, mean_a + eps_a = mean_b + eps_b, with a base rate per pane."""
    eps_a, eps_b = eps
    chances = [(base + eps_b - eps_a, base) for base in bases]
    assert all(0 <= a <= 1 for a, _ in chances)
    total = 0.0
    ways = [list(itertools.product(range(n_a + 1), range(n_b + 1))) for n_a, n_b in panes]
    for way in itertools.product(*ways):
        evidence, chance = Stratified.start(0.7), 1.0
        for (n_a, n_b), (x_a, x_b), (a, b) in zip(panes, way, chances, strict=False):
            chance *= math.comb(n_a, x_a) * a**x_a * (1 - a) ** (n_a - x_a)
            chance *= math.comb(n_b, x_b) * b**x_b * (1 - b) ** (n_b - x_b)
            evidence = evidence.add(n_a, x_a, n_b, x_b, eps_a=eps_a, eps_b=eps_b)
        total += chance * math.exp(evidence.ln_e)
    assert total <= 1 + 1e-9


def test_one_arm_alone_is_no_evidence() -> None:
    evidence = Stratified.start(0.8).add(500, 100.0, 0, 0.0).add(0, 0.0, 500, 500.0)
    assert evidence.ln_e == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_shares_as_planned_are_no_alarm(seed: int, weight: float) -> None:
    counts = np.random.default_rng(seed).multinomial(2000, [weight, 1 - weight])
    assert srm_ln_e({"1": int(counts[0]), "2": int(counts[1])}, {"1": weight, "2": 1 - weight}) < math.log(
        1000
    )


def test_a_key_where_none_may_be_is_an_alarm() -> None:
    assert srm_ln_e({"1": 10, "3": 1}, {"1": 0.9, "2": 0.1}) == LN_LIMIT
    assert srm_ln_e({}, {"1": 0.9, "2": 0.1}) == 0
    assert srm_ln_e({"1": 100}, {"1": 1.0}) == 0


def test_plans_that_held_one_after_the_other_are_judged_each_by_its_weights() -> None:
    state = State(policy=1, basis="")
    one = Assignment(generation=1, weights={"1": 0.9, "2": 0.1}, counts={"1": 900, "2": 100})
    two = Assignment(generation=2, weights={"1": 0.5, "2": 0.5}, counts={"1": 500, "2": 500})
    counted = state.counted([one, two]).counted([two])
    assert counted.ln_srm < 0  # pooled, 2400 to 1100 would fit neither plan
    assert counted.srm[1].counts == {"1": 1000, "2": 1000}
