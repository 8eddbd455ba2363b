"""The floor breaks when losses rise, says about when, and hardly ever otherwise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tidegate.rollout.floor import LN_ALARM, WINDOWS, FloorWatch, Mark


def watch(losses: list[tuple[int, float]], threshold: float = 0.2) -> tuple[FloorWatch, list[Mark]]:
    found, marks = FloorWatch(), []
    for keys, loss in losses:
        found, mark = found.add(keys, loss, threshold)
        marks.append(mark)
    return found, marks


def test_the_level_is_that_of_a_thousand_checks() -> None:
    assert math.exp(-LN_ALARM) * 1000 == pytest.approx(0.01)
    assert len(WINDOWS) == 16


def test_the_expectation_is_at_most_one_at_the_threshold() -> None:
    """Complete enumeration of three panes of three losses of 0 and 1 with the mean that is allowed."""
    total = 0.0
    for ups in itertools.product(range(4), repeat=3):
        chance = math.prod(math.comb(3, up) * 0.2**up * 0.8 ** (3 - up) for up in ups)
        _, marks = watch([(3, float(up)) for up in ups])
        total += chance * math.exp(marks[-1].ln_m)
    assert total <= 3 / 16 + 1e-12  # thirteen windows are not full yet


def test_a_rise_breaks_it_and_the_window_reaches_back_to_it() -> None:
    found, marks = watch([(600, 600 * 0.18)] * 40 + [(600, 600 * 0.23)] * 12)
    first = next(index for index, mark in enumerate(marks) if mark.ln_m >= LN_ALARM)
    assert 40 <= first <= 51
    assert marks[first].window <= first - 40 + 4
    assert marks[first].loss > 0.2
    assert found.broken


def test_it_stays_broken_and_hears_at_most_256_panes() -> None:
    found, _ = watch([(600, 200.0)] * 5 + [(600, 60.0)] * 300)
    assert found.broken
    assert len(found.panes) == 256
    assert FloorWatch.model_validate_json(found.model_dump_json()) == found


def test_no_false_break_in_many_panes_at_the_threshold() -> None:
    random = np.random.default_rng(3)
    broken = 0
    for _ in range(20):
        losses = random.binomial(200, 0.2, 300)
        broken += watch([(200, float(loss)) for loss in losses])[0].broken
    assert broken == 0
