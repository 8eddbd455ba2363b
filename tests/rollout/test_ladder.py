"""Each rule of the ladder, on panes made for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.rollout.worlds import DAY, START, World, coins, pane, scores

from tidegate.rollout import Policy
from tidegate.rollout.ladder import ORDER, Step, step
from tidegate.rollout.paired import Pairs
from tidegate.rollout.state import Assignment, Challenger, Exposed, Facts, PairFacts, State, VersionFacts

NONE = Pairs()
GOOD = Pairs.of(np.full(400, 0.1), 0.01, 0.0)
BAD = Pairs.of(np.full(400, -0.1), 0.01, 0.0)


def policy(**changes: Any) -> Policy:
    body = {"mode": "auto", "evidence": "paired", "shadow_keys": 100, "floor": {"threshold": 0.2}}
    return Policy.read(body | changes)


def state(rules: Policy, *challengers: Challenger, **changes: Any) -> State:
    made = State(policy=1, basis=rules.basis, done_until=START, champion="1")
    return made.changed(challengers=challengers, **changes)


def challenger(version: str = "2", **changes: Any) -> Challenger:
    return Challenger.model_validate({"version": version, "phase": "shadow", "since": START} | changes)


def climbing(share: float, version: str = "2", **changes: Any) -> Challenger:
    rung = {"phase": "climb", "share": share, "rung_since": START, "rung_keys": 100}
    return challenger(version, **(rung | changes))


def facts(before: State, pairs: dict[str, Pairs] | None = None, **changes: Any) -> Facts:
    """A pane of 500 keys with a mean loss of 0.1, the plan as the state has it."""
    shares = {known.version: known.share for known in before.challengers if known.share}
    versions = {
        "1": VersionFacts(
            share=1 - sum(shares.values()),
            rows=500,
            answered=500,
            labelled=500,
            keys=500,
            loss_sum=50.0,
            loss=0.1,
        )
    }
    for known in before.challengers:
        versions[known.version] = VersionFacts(
            share=shares.get(known.version), shadow=known.phase == "shadow", rows=500
        )
    if before.draining is not None:
        versions[before.draining.version] = VersionFacts(shadow=True)
    found = {
        known.version: PairFacts(paired=(pairs or {}).get(known.version, NONE), rung_keys=50)
        for known in before.challengers
    }
    mirror = bool(before.climbing)
    return Facts(pane=pane(0), versions=versions, pairs=found, mirror=mirror).model_copy(update=changes)


def decide(rules: Policy, before: State, pairs: dict[str, Pairs] | None = None, **changes: Any) -> Step:
    return step(before, facts(before, pairs, **changes), rules)


def test_a_shadow_must_be_scored_before_it_answers() -> None:
    rules = policy()
    few = decide(rules, state(rules, challenger()), {"2": Pairs.of(np.full(99, 0.1), 0.01, 0)})
    assert (few.rule, few.plan) == ("shadow", None)
    assert "99 of the 100 labelled keys" in few.events[0].says
    enough = decide(rules, few.moved, {"2": Pairs.of(np.full(1, 0.1), 0.01, 0)})
    assert enough.rule == "step_up"
    assert enough.plan is not None
    assert enough.plan.weights == {"1": 0.99, "2": 0.01}
    assert (enough.plan.shadows, enough.plan.mirror) == ([], True)


def test_a_shadow_that_may_be_worse_waits_and_one_that_is_worse_goes() -> None:
    doubtful = Pairs.of(np.full(200, -0.02), 0.01, 0.0)
    assert 1.1 < doubtful.ln_harm < 3
    rules = policy()
    made = decide(rules, state(rules, challenger()), {"2": doubtful})
    assert (made.rule, made.plan) == ("shadow", None)
    assert "must fall below 3 to 1" in made.events[0].says
    gone = decide(rules, state(rules, challenger()), {"2": BAD})
    assert gone.rule == "rollback"
    assert gone.plan is not None
    assert (gone.plan.weights, gone.plan.shadows) == ({"1": 1.0}, [])
    exposed = policy(evidence="exposed")  # nothing was said about answers and outcomes: it only waits
    assert decide(exposed, state(exposed, challenger()), {"2": BAD}).rule == "shadow"


def test_a_shadow_whose_stage_bars_it_waits() -> None:
    rules = policy()
    before = state(rules, challenger())
    given = facts(before, {"2": GOOD})
    barred = given.versions | {"2": given.versions["2"].model_copy(update={"may_answer": False})}
    made = step(before, given.model_copy(update={"versions": barred}), rules)
    assert (made.rule, made.plan) == ("shadow", None)
    assert "promote it first" in made.events[0].says


@pytest.mark.parametrize(
    ("share", "latches", "target"),
    [
        (0.01, {}, 0.05),
        (0.05, {}, 0.10),
        (0.10, {}, None),
        (0.10, {"ni": True}, 0.25),
        (0.25, {"ni": True}, 0.50),
        (0.50, {"ni": True}, None),
        (0.50, {"ni": True, "sup": True}, 0.75),
        (0.75, {"ni": True, "sup": True}, 0.99),
        (0.99, {"ni": True, "sup": True}, 1.0),
        (0.03, {}, 0.05),
    ],
)
def test_one_rung_at_a_time_and_no_further_than_the_evidence(
    share: float, latches: dict[str, Any], target: float | None
) -> None:
    rules = policy()
    made = decide(rules, state(rules, climbing(share, **latches)))
    if target is None:
        assert (made.rule, made.plan) == ("hold", None)
        assert "needs evidence of 20 to 1" in made.events[0].says
    else:
        assert made.rule == ("crown" if target == 1.0 else "step_up")
        assert made.plan is not None
        assert made.plan.weights["2"] == target


def test_latches_stay_for_this_version() -> None:
    rules = policy()
    made = decide(rules, state(rules, climbing(0.1)), {"2": GOOD})
    found = made.observed.find("2")
    assert found is not None
    assert (found.ni, found.sup) == (True, True)
    forgotten = found.model_copy(update={"pairs": NONE})
    after = decide(rules, state(rules, forgotten)).observed.find("2")
    assert after is not None
    assert after.sup


def test_cooldown_and_keys_hold_it_back() -> None:
    rules = policy()
    cooling = decide(rules, state(rules, climbing(0.01, cooldown=2)))
    assert (cooling.rule, cooling.plan) == ("cooldown", None)
    assert decide(rules, cooling.moved).rule == "step_up"  # the pane counted down to 0
    waiting = decide(rules, state(rules, climbing(0.01, rung_keys=-10)))
    assert "40 of the 50 labelled keys" in waiting.events[0].says


def test_harm_between_ten_and_twenty_to_one_steps_down() -> None:
    harm = Pairs.of(np.full(400, -0.0197), 0.01, 0.0)
    assert 2.31 < harm.ln_harm < 2.99
    rules = policy()
    down = decide(rules, state(rules, climbing(0.25, ni=True)), {"2": harm})
    assert down.rule == "step_down"
    assert down.plan is not None
    assert down.plan.weights == {"1": 0.9, "2": 0.1}
    found = down.moved.find("2")
    assert found is not None
    assert found.cooldown == 2 * rules.cooldown
    assert decide(rules, state(rules, climbing(0.01)), {"2": harm}).plan is None  # there is nothing below


def test_harm_rolls_back_at_once() -> None:
    rules = policy()
    made = decide(rules, state(rules, climbing(0.5, cooldown=5, ni=True)), {"2": BAD})
    assert made.rule == "rollback"
    assert made.plan is not None
    assert (made.plan.weights, made.plan.shadows, made.plan.mirror) == ({"1": 1.0}, [], False)
    closed = made.moved.find("2")
    assert closed is not None
    assert closed.phase == "closed"
    assert not made.moved.active


def test_missing_scores_roll_back_without_evidence() -> None:
    rules = policy()
    made = decide(rules, state(rules, climbing(0.01, rows=1000, unscored=80)))
    assert made.rule == "rollback"
    assert "no score for 80 of 1500 rows" in made.events[0].says


def test_what_shows_nothing_in_time_is_given_up() -> None:
    rules = policy(t_max=10)
    made = decide(rules, state(rules, climbing(0.1, panes=9)))
    assert made.rule == "inconclusive"
    assert made.plan is not None
    assert made.plan.weights == {"1": 0.99, "2": 0.01}
    assert decide(rules, made.moved).rule == "hold"
    beyond = decide(rules, state(rules, climbing(0.25, ni=True, panes=9)))
    assert beyond.rule != "inconclusive"


def test_keys_divided_otherwise_than_planned_freeze_everything() -> None:
    rules = policy()
    skewed = [Assignment(generation=1, weights={"1": 0.9, "2": 0.1}, counts={"1": 800, "2": 200})]
    before = state(rules, climbing(0.1, ni=True, sup=True))
    made = decide(rules, before, assignments=skewed)
    assert (made.rule, made.plan, made.observed.frozen) == ("freeze_srm", None, True)
    assert decide(rules, made.moved, {"2": BAD}).plan is None
    good = [Assignment(generation=1, weights={"1": 0.9, "2": 0.1}, counts={"1": 901, "2": 99})]
    assert decide(rules, before, assignments=good).rule == "step_up"


def test_a_broken_floor_makes_challengers_of_shadows_that_may_answer() -> None:
    rules = policy()
    before = state(rules)
    champion = VersionFacts(
        share=1.0, rows=900, answered=900, labelled=900, keys=900, loss_sum=360.0, loss=0.4
    )
    versions = {
        "1": champion,
        "2": VersionFacts(shadow=True),
        "3": VersionFacts(shadow=True, may_answer=False),
    }
    made = decide(rules, before, versions=versions)
    assert (made.rule, made.plan) == ("floor_break", None)
    assert "mean brier loss of 0.4000 over the last 1 pane, above 0.2" in made.events[0].says
    assert [known.version for known in made.moved.active] == ["2"]
    assert made.moved.active[0].since == START + DAY  # what broke the floor is no evidence for it
    assert decide(rules, made.moved, {"2": GOOD}).rule == "step_up"
    held = decide(rules, before, versions=versions | {"1": champion.model_copy(update={"loss_sum": 90.0})})
    assert (held.rule, held.moved.active) == ("hold", ())


def test_a_crown_drains_the_old_champion_and_lets_it_go() -> None:
    rules = policy(drain_panes=2)
    made = decide(rules, state(rules, climbing(0.99, ni=True, sup=True)))
    assert made.rule == "crown"
    assert made.plan is not None
    assert (made.plan.weights, made.plan.shadows, made.plan.mirror) == ({"2": 1.0}, ["1"], False)
    now = made.moved
    assert (now.champion, now.challengers, now.floor.broken) == ("2", (), False)
    rules_seen = []
    for index in (1, 2, 3):
        found = facts(state(rules))
        live = {"2": found.versions["1"]} | ({"1": VersionFacts(shadow=True)} if now.draining else {})
        after = step(now, found.model_copy(update={"versions": live, "pane": pane(index)}), rules)
        rules_seen.append((after.rule, after.plan.shadows if after.plan else None))
        now = after.moved
    assert rules_seen == [("hold", None), ("drained", []), ("hold", None)]


def test_challengers_share_the_exploration_cap_and_one_climbs_beyond_it() -> None:
    rules = policy()
    two = [climbing(0.05, "2"), climbing(0.05, "3")]
    crowded = decide(rules, state(rules, *two))
    assert crowded.plan is None
    assert "another challenger has the room" in crowded.events[0].says
    ahead = decide(rules, state(rules, climbing(0.1, "2", ni=True), climbing(0.25, "3", ni=True, sup=True)))
    assert ahead.plan is not None
    assert ahead.plan.weights == {"1": 0.4, "2": 0.1, "3": 0.5}
    level = state(rules, climbing(0.01), climbing(0.01, "3"))
    one = decide(rules, level).plan
    assert one is not None
    assert sorted(one.weights.values()) == [0.01, 0.05, 0.94]  # one step a pane


def test_two_that_are_no_worse_do_not_hold_each_other_at_half_the_cap() -> None:
    rules = policy()
    good = state(rules, climbing(0.05, "2", ni=True), climbing(0.05, "3", ni=True))
    made = decide(rules, good)
    assert made.plan is not None
    assert sorted(made.plan.weights.values()) == [0.05, 0.1, 0.85]
    unknown = state(rules, climbing(0.05, "2"), climbing(0.05, "3", ni=True))
    assert decide(rules, unknown).plan is not None
    above = state(rules, climbing(0.05, "2", ni=True), climbing(0.25, "3", ni=True))
    again = decide(rules, above)
    assert again.plan is None or again.plan.weights["2"] == 0.05


def test_a_shadow_does_not_push_out_who_is_nearly_crowned() -> None:
    rules = policy(n_min=1000)
    scored = Pairs.of(np.full(400, 0.002), 0.01, 0.0)
    shadow = challenger("3", pairs=scored)
    made = decide(rules, state(rules, climbing(0.99, "2", ni=True, sup=True), shadow))
    assert made.plan is None
    assert [known.version for known in made.moved.climbing] == ["2"]
    assert any("another challenger has the room" in event.says for event in made.events)


def test_the_last_step_makes_room() -> None:
    rules = policy()
    before = state(rules, climbing(0.75, "2", ni=True, sup=True), climbing(0.1, "3"))
    made = decide(rules, before)
    assert made.plan is not None
    assert (made.plan.weights, made.plan.shadows) == ({"1": 0.01, "2": 0.99}, ["3"])
    assert [known.version for known in made.moved.climbing] == ["2"]


def test_two_at_once_need_more_evidence_each() -> None:
    rules = policy()
    pairs = Pairs.of(np.full(400, 0.0116), 0.01, 0.0)
    assert 2.996 < pairs.ln_sup < 3.68
    alone = decide(rules, state(rules, climbing(0.1)), {"2": pairs}).observed.find("2")
    both = decide(rules, state(rules, climbing(0.05), climbing(0.05, "3")), {"2": pairs}).observed.find("2")
    again = decide(rules, state(rules, climbing(0.1, trial=2)), {"2": pairs}).observed.find("2")
    assert alone is not None
    assert both is not None
    assert again is not None
    assert (alone.sup, both.sup, again.sup) == (True, False, False)


def test_the_champions_outcomes_alone_are_no_evidence() -> None:
    rules = policy(evidence="exposed", t_max=1000)
    before = state(rules, climbing(0.05))
    for _ in range(50):
        found = facts(before)
        only = {"2": PairFacts(exposed=Exposed(n_a=500, x_a=400.0))}
        before = step(before, found.model_copy(update={"pairs": only}), rules).observed
    known = before.find("2")
    assert known is not None
    assert known.evidence(rules) == (0.0, 0.0, 0.0)


def test_every_rule_that_is_said_has_its_place() -> None:
    seen = set()
    for seed in range(3):
        for losses in (coins(0.1, 0.05), coins(0.1, 0.2), scores(-0.02), scores(0.01)):
            for evidence in ("paired", "exposed"):
                rules = policy(evidence=evidence, t_max=60)
                seen |= {
                    made.rule for made in World(rules, losses, np.random.default_rng(seed)).run(80).steps
                }
    assert {"shadow", "step_up", "cooldown", "hold", "crown"} <= seen <= set(ORDER)
