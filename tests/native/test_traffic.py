"""Slots against the golden values, and what must hold for any weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate._native import assign, ranges, reassign
from tidegate.errors import InvalidInputError

GOLDEN = json.loads((Path(__file__).parent.parent / "data" / "stats_reference.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["slot"]["keys"], ids=lambda case: repr(case["key"]))
def test_slots_of_keys(case: dict[str, Any]) -> None:
    assert assign(GOLDEN["slot"]["salt"], case["key"].encode(), GOLDEN["slot"]["slots"]) == case["slot"]


def test_a_sequence_of_plans() -> None:
    stacks: list[list[int]] | None = None
    for step in GOLDEN["slot_reassign_S20"]:
        stacks, moved = reassign(20, stacks, step["weights"])
        assert moved == step["moved"]
        assert [len(stack) for stack in stacks] == step["counts"]
        assert [next(arm for arm, stack in enumerate(stacks) if slot in stack) for slot in range(20)] == step[
            "table"
        ]


WEIGHTS = st.lists(st.integers(0, 20), min_size=1, max_size=6).filter(any)


@given(st.lists(WEIGHTS, min_size=1, max_size=5), st.integers(6, 300))
def test_each_slot_has_one_owner_always(plans: list[list[int]], slots: int) -> None:
    stacks: list[list[int]] | None = None
    arms = 0
    for plan in plans:
        arms = max(arms, len(plan))
        padded = [*plan, *[0] * (arms - len(plan))]
        weights = [weight / sum(padded) for weight in padded]
        stacks, moved = reassign(slots, stacks, weights)
        assert sorted(slot for stack in stacks for slot in stack) == list(range(slots))
        assert 0 <= moved <= slots
        spans = ranges(stacks)
        assert [[s for first, last in arm for s in range(first, last + 1)] for arm in spans] == [
            sorted(stack) for stack in stacks
        ]
        assert reassign(slots, stacks, weights) == (stacks, 0)


def test_faults_are_named() -> None:
    with pytest.raises(InvalidInputError, match=r"weights: expected a sum of 1, got 1\.1"):
        reassign(10, None, [0.5, 0.6])
    with pytest.raises(InvalidInputError, match="weight 1: expected a finite number of at least 0"):
        reassign(10, None, [1.5, -0.5])
    with pytest.raises(InvalidInputError, match="weights: expected 2, one for each arm, got 1"):
        reassign(2, [[0], [1]], [1.0])
    with pytest.raises(InvalidInputError, match="stacks hold 2 slots, expected 3"):
        reassign(3, [[0], [1]], [0.5, 0.5])
    with pytest.raises(InvalidInputError, match="slot 0 is owned twice"):
        ranges([[0], [0]])
    with pytest.raises(InvalidInputError, match="slots 5 to 5: expected a range within 0 to 1"):
        ranges([[0], [5]])
