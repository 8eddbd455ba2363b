"""From log rows to a pane's figures: losses by key, each key once, nothing that pins or lacks a label."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rollout.worlds import DAY, START, row

from tidegate.monitoring.logs import PREDICTIONS, TIME
from tidegate.rollout import Policy
from tidegate.rollout.panes import Panes, prepared, seen_keys
from tidegate.rollout.state import Challenger, Facts, Lives, State, pane_of

LIVES = Lives(weights={"1": 0.9, "2": 0.1}, shadows=(), mirror=True)
EMPTY = seen_keys(pl.LazyFrame(schema=PREDICTIONS))


def frame(rows: list[dict[str, Any]]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema={**PREDICTIONS, "label": pl.Float64, "observed_at": TIME})


def scored(
    n: int,
    version: str = "1",
    role: str = "answer",
    score: float | None = 0.5,
    label: float | None = 1.0,
    key: str | None = "k",
    hours: float = 1.0,
    **more: Any,
) -> dict[str, Any]:
    at = START + timedelta(hours=hours)
    return row(f"{n:08x}", version, role, at, score, key, 1) | {"label": label} | more


def state(policy: Policy, **changes: Any) -> State:
    known = {"version": "2", "phase": "climb", "share": 0.1, "since": START, "rung_since": START} | changes
    found = State(policy=1, basis=policy.basis, champion="1", srm_since=START)
    return found.put(Challenger.model_validate(known))


def panes(rows: list[dict[str, Any]], policy: Policy, before: State, **more: Any) -> list[Facts]:
    series = Panes(prepared(frame(rows), "brier", 0.5), EMPTY, policy, START + 9 * DAY, more.get("begin"))
    weights = lambda _: {"1": 0.9, "2": 0.1}  # noqa: E731
    return [series.facts(pane, part, before, LIVES, weights) for pane, part in series]


def policy(evidence: str = "paired", **more: Any) -> Policy:
    return Policy.read({"evidence": evidence, **more})


def test_a_key_is_one_outcome_and_missing_labels_are_counted() -> None:
    rows = [
        scored(1, score=0.0, key="a"),
        scored(2, score=1.0, key="a"),
        scored(3, score=0.5, key="b"),
        scored(4, label=None, key="c"),
        scored(5, score=None, key="d"),
        scored(6, score=float("nan"), key=None),
        scored(7, label=7.0, key="e"),
        scored(8, route="pin", score=0.0, key="f"),
    ]
    found = panes(rows, policy(), state(policy()))[0].versions["1"]
    assert (found.answered, found.labelled, found.unlabelled, found.unscored) == (7, 3, 4, 2)
    assert (found.keys, found.loss_sum) == (2, 0.5 + 0.25)
    assert (found.share, found.role, found.loss) == (0.9, "champion", 0.375)


@pytest.mark.parametrize(("loss", "value"), [("brier", 0.16), ("absolute", 0.4), ("error", 0.0)])
def test_the_losses(loss: Any, value: float) -> None:
    found = prepared(frame([scored(1, score=0.6), scored(2, score=1.00001)]), loss, 0.5)
    assert found["loss"].to_list() == pytest.approx([value, 0.0])


def test_pairs_are_rows_that_both_scored_whoever_answered() -> None:
    rows = [
        scored(1, "1", "answer", 0.0, key="a"),
        scored(1, "2", "mirror", 1.0, key="a"),
        scored(2, "2", "answer", 1.0, key="a"),
        scored(2, "1", "mirror", 0.5, key="a"),
        scored(3, "1", "answer", 1.0, key="b"),
        scored(3, "2", "shadow", 0.0, key="b"),
        scored(4, "1", "answer", 1.0, key="c"),
        scored(5, "1", "answer", 1.0, label=None, key="d"),
        scored(5, "2", "mirror", 0.0, label=None, key="d"),
    ]
    found = panes(rows, policy(), state(policy()))[0].pairs["2"]
    assert (found.paired.keys, found.paired.sum_d) == (2, (1.0 + 0.25) / 2 - 1.0)
    assert found.exposed.n_a == 0
    assert found.rung_keys == 1


def test_a_key_belongs_to_who_answered_it_first() -> None:
    rows = [
        scored(1, "1", score=1.0, key="a", hours=1),
        scored(2, "2", score=0.0, key="a", hours=2),
        scored(3, "2", score=0.0, key="b", hours=3),
        scored(4, "1", score=0.5, key=None, hours=4),
    ]
    found = panes(rows, policy("exposed"), state(policy("exposed")))[0]
    exposed = found.pairs["2"].exposed
    assert (exposed.n_a, exposed.x_a, exposed.n_b, exposed.x_b) == (2, 1.75, 1, 0.0)
    assert [each.counts for each in found.assignments] == [{"1": 2, "2": 1}]
    assert found.pairs["2"].rung_keys == 2


@pytest.mark.parametrize("evidence", ["paired", "exposed"])
def test_each_key_is_evidence_in_one_pane_alone(evidence: str) -> None:
    rows = []
    for day in range(3):
        for n, key in enumerate(["a", "b", f"new{day}", None]):
            at: dict[str, Any] = {"hours": 24 * day + n, "key": key}
            rows += [
                scored(10 * day + n, "1", "answer", 0.0, **at),
                scored(10 * day + n, "2", "mirror", 1.0, **at),
            ]
    found = panes(rows, policy(evidence), state(policy(evidence)))
    keys = [each.pairs["2"].paired.keys for each in found]
    assert keys == [4, 2, 2]
    if evidence == "exposed":
        assert [each.pairs["2"].exposed.n_a for each in found] == [4, 2, 2]
    assert [sum(a.counts.values()) for each in found for a in each.assignments] == [4, 2, 2]
    assert [each.versions["1"].keys for each in found] == [4, 4, 4]  # the floor sees all of them


def test_keys_of_earlier_looks_count_as_seen_and_those_before_the_experiment_do_not() -> None:
    rows = [scored(9, "1", key="a", hours=30), scored(9, "2", "mirror", key="a", hours=30)]
    earlier = [scored(1, "1", key="a", hours=1), scored(1, "2", "shadow", key="a", hours=1)]
    for since, fresh in ((START, 0), (START + timedelta(hours=2), 1)):
        series = Panes(
            prepared(frame(rows), "brier", 0.5), seen_keys(frame(earlier)), policy(), START + 3 * DAY
        )
        before = state(policy(), since=since)
        (found,) = [series.facts(pane, part, before, LIVES, lambda _: {}) for pane, part in series]
        assert found.pairs["2"].paired.keys == fresh


def test_rows_before_the_experiment_are_no_evidence() -> None:
    rows = [scored(1, "1", key="a", hours=1), scored(1, "2", "mirror", key="a", hours=1)]
    found = panes(rows, policy(), state(policy(), since=START + timedelta(hours=2)))[0]
    assert found.pairs["2"].paired.keys == 0


def test_empty_panes_are_panes_and_a_long_gap_is_one() -> None:
    rows = [scored(1, hours=1), scored(2, hours=24 * 3 + 1), scored(3, hours=24 * 100)]
    found = [
        (each.pane.begin - START).days for each in panes(rows, policy(), state(policy()), begin=START - DAY)
    ]
    assert found == [-1, 0, 1, 2, 3, 4, 100]
    gap = panes(rows, policy(), state(policy()))[4]
    assert (gap.empty, gap.pane.panes, gap.pane.end - gap.pane.begin) == (True, 96, 96 * DAY)


def test_panes_begin_at_multiples_of_their_length() -> None:
    assert pane_of(START, DAY) == pane_of(START + DAY - timedelta(microseconds=1), DAY)
    assert pane_of(START + DAY, DAY) == pane_of(START, DAY) + 1
    rows = [scored(1, hours=0), scored(2, hours=5.999), scored(3, hours=6)]
    found = panes(rows, policy(pane_hours=6), state(policy()))
    assert [each.versions["1"].answered for each in found] == [2, 1]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(shuffle: Any) -> None:
    random = np.random.default_rng(4)
    rows = [
        scored(n, version, role, float(random.random()), float(random.integers(2)), f"k{n % 17}", n / 3)
        for n in range(60)
        for version, role in (("1", "answer"), ("2", "mirror"))
    ]
    expected = panes(rows, policy(), state(policy()))
    shuffle.shuffle(rows)
    assert panes(rows, policy(), state(policy())) == expected
