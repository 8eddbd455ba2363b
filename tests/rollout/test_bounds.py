"""What the ladder promises, over simulated runs: STATISTICS 11.3 (1) and (2), acceptance test 8."""

from __future__ import annotations

import math

import pytest
from tests.rollout.worlds import Losses, coins, scores, worlds

from tidegate.rollout import Policy

EVIDENCE = ("exposed", "paired")


def limit(runs: int) -> float:
    """How many of ``runs`` may break a promise of 5 %, three standard errors included."""
    return runs * 0.05 + 3 * math.sqrt(runs * 0.05 * 0.95)


def policy(evidence: str) -> Policy:
    return Policy.read({"mode": "auto", "evidence": evidence, "shadow_keys": 0})


def above(evidence: str, losses: Losses, share: float, runs: int, panes: int = 200) -> int:
    """In how many runs the challenger ever had more than ``share``."""
    return sum(world.highest > share for world in worlds(policy(evidence), losses, runs, panes))


@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize(
    "losses", [coins(0.1, 0.1), scores(0.0), scores(0.0, 0.3)], ids=["coins", "near", "far"]
)
def test_a_copy_of_the_champion_is_not_preferred(evidence: str, losses: Losses) -> None:
    assert above(evidence, losses, 0.5, runs=20) <= limit(20)


@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize("losses", [coins(0.1, 0.11), scores(-0.01)], ids=["coins", "scores"])
def test_a_worse_one_stays_within_the_exploration_cap(evidence: str, losses: Losses) -> None:
    assert above(evidence, losses, 0.1, runs=20) <= limit(20)


@pytest.mark.slow
@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize(
    ("losses", "share"),
    [(coins(0.1, 0.1), 0.5), (scores(0.0), 0.5), (coins(0.1, 0.11), 0.1), (scores(-0.01), 0.1)],
    ids=["coins at 0", "scores at 0", "coins at -eps", "scores at -eps"],
)
def test_the_promises_over_400_runs(evidence: str, losses: Losses, share: float) -> None:
    assert above(evidence, losses, share, runs=400) <= limit(400)


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_a_better_one_is_crowned(evidence: str) -> None:
    for world in worlds(policy(evidence), coins(0.1, 0.05), runs=5, panes=120):
        assert world.state.champion == "2"
        assert world.plan == {"2": 1.0}
        assert world.shadows == ["1"]
        rungs = [0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.99, 1.0]
        steps = sorted(set(world.shares))
        assert steps == [rung for rung in rungs if rung in steps]
        for before, after in zip(world.shares, world.shares[1:], strict=False):
            assert abs(rungs.index(after) - rungs.index(before)) <= 1


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_a_much_worse_one_never_gets_far(evidence: str) -> None:
    for world in worlds(policy(evidence), coins(0.1, 0.2), runs=5, panes=120):
        assert world.highest <= 0.1
        assert world.plan["1"] >= 0.9
