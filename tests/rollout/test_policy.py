"""A policy is read whole or refused with what helps."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tidegate.errors import InvalidInputError
from tidegate.rollout import Policy


def test_the_defaults_are_the_published_ones() -> None:
    policy = Policy.read({})
    assert policy.ladder == (1, 5, 10, 25, 50, 75, 99)
    assert (policy.explore_cap, policy.ni_cap, policy.eps, policy.g, policy.alpha) == (
        0.1,
        0.5,
        0.01,
        0,
        0.05,
    )
    assert (policy.cooldown, policy.n_min, policy.min_share, policy.t_max) == (2, 50, 0.01, 500)
    assert (policy.mode, policy.evidence, policy.floor, policy.loss) == ("advise", "exposed", None, "brier")
    assert Policy.read(policy.to_json()) == policy


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"mod": "auto"}, r"mod: there is no such member; did you mean 'mode'\?"),
        ({"colour": 1}, "colour: there is no such member; there are mode, evidence"),
        ({"floor": {"treshold": 0.2}}, r"floor.threshold: Field required.*did you mean 'threshold'\?"),
        ({"floor": {"threshold": 20}}, "floor.threshold: Input should be less than 1; got 20"),
        ({"mode": "on"}, "mode: Input should be 'off', 'advise' or 'auto'; got 'on'"),
        ({"ladder": [1, 50, 10]}, r"ladder goes up; got \[1.0, 50.0, 10.0\]"),
        ({"ladder": [1, 100]}, "ladder.1: Input should be less than 100; got 100"),
        ({"ladder": [20, 50]}, r"the first rung \(20.0 %\) lies above explore_cap \(10%\)"),
        ({"ni_cap": 0.05}, r"ni_cap \(0.05\) is smaller than explore_cap \(0.1\)"),
        ({"alpha": float("nan")}, "alpha: Input should be less than 0.5; got nan"),
        ({"guards": {"errors": 0.1}}, r"guards.errors: there is no such member; did you mean 'error_rate'\?"),
    ],
)
def test_what_does_not_fit_is_named(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Policy.read(body)


def test_alpha_is_shared_by_challengers_and_retries() -> None:
    policy = Policy()
    assert policy.level(1, 1) == pytest.approx(math.log(20))
    assert policy.level(2, 1) == pytest.approx(math.log(40))
    assert policy.level(1, 2) == pytest.approx(math.log(6 * 20))
    again = sum(math.exp(-policy.level(1, trial)) for trial in range(2, 500))
    assert again <= policy.alpha / 2
