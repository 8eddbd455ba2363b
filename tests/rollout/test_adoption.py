"""What people did to the plan is taken over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.rollout.test_ladder import challenger, climbing, policy, state
from tests.rollout.worlds import DAY, START

from tidegate.rollout import Policy
from tidegate.rollout.adoption import adopt
from tidegate.rollout.floor import FloorWatch
from tidegate.rollout.paired import Pairs
from tidegate.rollout.state import Draining, State, VersionFacts

NOW: datetime = START + 3 * DAY


def plan(weights: dict[str, float], *shadows: str) -> dict[str, VersionFacts]:
    found = {number: VersionFacts(share=share) for number, share in weights.items()}
    return found | {number: VersionFacts(shadow=True) for number in shadows}


def adopted(before: State, found: dict[str, VersionFacts], rules: Policy | None = None, **more: Any) -> Any:
    return adopt(before, found, NOW, rules or policy(), more.get("policy_id", 1))


def test_a_plan_as_the_ladder_left_it_is_no_news() -> None:
    rules = policy()
    before = state(rules, climbing(0.05), challenger("3"), srm_since=START)
    assert adopted(before, plan({"1": 0.95, "2": 0.05}, "3")) == (before, [])


def test_another_share_is_taken_over_and_rests_twice_as_long() -> None:
    rules = policy()
    made, notes = adopted(state(rules, climbing(0.05, ni=True)), plan({"1": 0.7, "2": 0.3}))
    found = made.find("2")
    assert (found.share, found.rung_keys, found.cooldown, found.ni) == (0.3, 0, 2 * rules.cooldown, True)
    assert (found.rung_since, notes) == (NOW, ["version 2 was given 30.00% by hand"])


def test_a_version_that_answers_beside_the_champion_is_a_challenger() -> None:
    made, notes = adopted(state(policy()), plan({"1": 0.9, "4": 0.1}))
    assert [(known.version, known.phase, known.share) for known in made.active] == [("4", "climb", 0.1)]
    assert made.srm_since == NOW
    assert notes == ["version 4 was given 10.00% by hand"]


def test_who_answers_alone_is_the_champion() -> None:
    before = state(
        policy(), climbing(0.5, pairs=Pairs(keys=9)), climbing(0.1, "3"), floor=FloorWatch(broken=True)
    )
    made, notes = adopted(before, plan({"2": 1.0}, "3"))
    assert (made.champion, made.floor.broken) == ("2", False)
    assert [(known.version, known.phase) for known in made.active] == [("3", "shadow")]
    assert "version 1 no longer answers: version 2 is champion, by hand" in notes
    first, quiet = adopted(State(policy=1, basis=policy().basis), plan({"1": 0.3, "2": 0.7}))
    assert first.champion == "2"
    assert quiet == ["version 1 was given 30.00% by hand"]


def test_one_that_was_taken_out_is_no_challenger_any_more() -> None:
    made, notes = adopted(state(policy(), climbing(0.5), challenger("3")), plan({"1": 1.0}))
    assert made.challengers == ()
    assert len(notes) == 2
    waiting = state(policy(), challenger(placed=False))  # asked for in mode advise, and not there yet
    assert adopted(waiting, plan({"1": 1.0}))[0].active == waiting.active


def test_one_that_was_closed_and_answers_again_has_its_next_try() -> None:
    made, _ = adopted(state(policy(), challenger(phase="closed", trial=2)), plan({"1": 0.9, "2": 0.1}))
    found = made.find("2")
    assert (found.phase, found.trial, found.share, found.pairs.keys) == ("climb", 3, 0.1, 0)
    left, notes = adopted(state(policy(), challenger(phase="closed")), plan({"1": 1.0}, "2"))
    assert left.active == ()
    assert notes == []


def test_a_shadow_again_and_a_drain_that_was_ended() -> None:
    draining = Draining(version="9", since=START, panes_left=2)
    made, notes = adopted(state(policy(), climbing(0.5), draining=draining), plan({"1": 1.0}, "2"))
    assert (made.find("2").phase, made.find("2").share, made.draining) == ("shadow", 0.0, None)
    assert notes == ["version 2 was made a shadow again by hand"]


def test_a_new_policy_ends_a_freeze_and_another_question_begins_anew() -> None:
    before = state(policy(), climbing(0.05, pairs=Pairs(keys=9), ni=True), frozen=True, srm_since=START)
    same, notes = adopted(before, plan({"1": 0.95, "2": 0.05}), policy(alpha=0.01), policy_id=2)
    assert (same.frozen, same.policy, same.find("2").pairs.keys, notes) == (False, 2, 9, [])
    other, notes = adopted(before, plan({"1": 0.95, "2": 0.05}), policy(eps=0.02), policy_id=2)
    assert (other.find("2").pairs.keys, other.find("2").ni, other.find("2").share) == (0, False, 0.05)
    assert notes == ["the policy asks another question: evidence begins anew"]
