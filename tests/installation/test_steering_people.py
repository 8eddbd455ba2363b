"""What people do to steering: challenge, advise, move by hand, undo, ask why, set policies."""

from __future__ import annotations

from typing import Any

import pytest
from tests.delay import register
from tests.installation.days import FAST, Days, slots, true, wrong, wrongly_kept

from tidegate.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError


def test_a_challenge_is_a_shadow_first_and_a_worse_one_is_taken_out(days: Days) -> None:
    here = days.installation
    here.set_traffic("flight", {"1": 1.0})
    here.set_policy("flight", FAST)
    days(2, v1=true)
    asked = here.challenge("flight", "2", "the candidate of March")
    assert (asked["rule"], asked["action"], asked["endpoint"]) == ("admit", "admit", "flight")
    assert "version 2 challenges version 1: the candidate of March" in asked["says"]
    plan = here.get_traffic("flight")
    assert [(v["version"], v["weight"], v["shadow"]) for v in plan["variants"]] == [
        ("1", 1.0, False),
        ("2", 0.0, True),
    ]
    with pytest.raises(ConflictError, match=r"version 2 is a challenger already, at 0\.00%"):
        here.challenge("flight", "2")
    with pytest.raises(PreconditionError, match="version 1 is the champion"):
        here.challenge("flight", "1")
    with pytest.raises(NotFoundError, match="no version 9"):
        here.challenge("flight", "9")
    with pytest.raises(NotFoundError, match="no retraining 7"):
        here.challenge("flight", "2", retraining=7)
    moves = [each["rule"] for each in days(6, v1=true, v2=wrong) if each["action"] != "hold"]
    assert moves == ["rollback"]
    assert len(here.get_traffic("flight")["variants"]) == 1
    again = here.challenge("flight", "2")
    assert again["body"]["state"]["challengers"][0]["trial"] == 2
    assert wrongly_kept(here) == []


def test_advise_says_the_command_and_moves_nothing(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST | {"mode": "advise"})
    asked = here.challenge("flight", "2")
    assert asked["action"] == "admit"  # it is a shadow already
    made = days(8, v1=wrong, v2=true)
    advice = [each for each in made if each["rule"] == "advise"]
    assert advice
    assert {each["action"] for each in advice} == {"step_up"}
    assert "To do it: tidegate traffic set flight 1=0.95 2=0.05 --mirror" in advice[0]["says"]
    assert advice[0]["body"]["before"] == advice[0]["body"]["after"]
    assert here.get_traffic("flight")["generation"] == 1
    here.set_traffic("flight", {"1": 0.95, "2": 0.05}, mirror=True)
    followed = days(1, v1=wrong, v2=true)[0]
    assert "version 2 was given 5.00% by hand" in followed["says"]
    assert wrongly_kept(here) == []
    register(here, "three")
    wanted = here.challenge("flight", "3")
    assert (wanted["action"], wanted["generation"]) == ("advise", None)
    assert "tidegate traffic set flight 1=0.95 2=0.05 --shadow 3 --mirror" in wanted["says"]


def test_shares_by_hand_are_taken_over(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST | {"n_min": 1000})
    days(8, v1=wrong, v2=true)
    assert here.get_traffic("flight")["variants"][1]["weight"] == 0.05
    here.set_traffic("flight", {"1": 0.7, "2": 0.3}, reason="enough of this", mirror=True)
    made = days(3, v1=wrong, v2=true)
    assert "version 2 was given 30.00% by hand" in made[0]["says"]
    assert {each["action"] for each in made} == {"hold"}
    assert here.get_traffic("flight")["variants"][1]["weight"] == 0.3
    assert wrongly_kept(here) == []


def test_undo_gives_the_same_slots_back_and_goes_further_back(days: Days) -> None:
    here = days.installation
    plans = [slots(here)]
    for weights in ({"1": 0.9, "2": 0.1}, {"1": 0.4, "2": 0.6}, {"2": 1.0}):
        here.set_traffic("flight", weights)
        plans.append(slots(here))
    for back in (2, 1):
        plan = here.undo_traffic("flight", "worse")
        assert slots(here) == plans[back]
        assert plan == here.get_traffic("flight")
    here.set_traffic("flight", {"2": 1.0})
    here.undo_traffic("flight")
    assert slots(here) == plans[1]
    here.undo_traffic("flight")
    assert slots(here) == plans[0]
    with pytest.raises(PreconditionError, match="'flight' has no earlier plan to go back to"):
        here.undo_traffic("flight")
    kept = here.list_decisions("flight")
    assert [each["rule"] for each in kept] == ["undo"] * 4
    assert kept[0]["body"]["restored"] == 3
    assert kept[0]["created_by"] == "owner"
    assert "back to the plan of generation 3: version 1 40.00%, version 2 60.00% (worse)" in kept[0]["says"]


def test_undo_of_a_step_is_taken_over_by_the_ladder(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST | {"n_min": 1000})
    before = slots(here)
    days(8, v1=wrong, v2=true)
    here.undo_traffic("flight", "not yet")
    assert slots(here) == before
    made = days(1, v1=wrong, v2=true)
    assert "version 2 was made a shadow again by hand" in made[0]["says"]
    assert wrongly_kept(here) == []


def test_a_version_that_may_not_serve_any_more_stops_undo(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = days.installation
    here.set_traffic("flight", {"2": 1.0})

    def refuse(*_: Any) -> None:
        raise PreconditionError("version 1 of delay is in archived and may not answer")

    monkeypatch.setattr(here.promoter, "require_servable", refuse)
    with pytest.raises(PreconditionError, match="may not answer"):
        here.undo_traffic("flight")
    assert here.get_traffic("flight")["generation"] == 2
    (kept,) = here.list_decisions("flight")
    assert (kept["rule"], kept["action"], kept["generation"]) == ("undo", "refused", None)


def test_why_tells_who_since_when_because_of_what_and_what_is_next(days: Days) -> None:
    here = days.installation
    said = here.why("flight")
    assert said["decision"] is None
    assert said["says"][-1] == "nobody steers: tidegate rollout set-policy flight --mode advise"
    here.set_policy("flight", FAST | {"n_min": 1000})
    days(9, v1=wrong, v2=true)
    said = here.why("flight")
    text = "\n".join(said["says"])
    assert said["says"][0].startswith("version 1 95.00%, version 2 5.00%, since 2013-03-")
    assert "because (step_up): version 2 goes from shadow to 5.00%: scored on" in text
    assert "floor broken: mean loss 0." in text
    assert "evidence on version 2: not worse e^" in text
    assert "next: version 2 answered" in text
    assert "of the 1000 labelled keys that it needs at 5.00%" in text
    assert (
        said["decision"]["generation"]
        == said["plan"]["generation"]
        == here.get_traffic("flight")["generation"]
    )
    early = here.why("flight", "2013-03-03T12:00")
    assert early["plan"]["generation"] == 1
    with pytest.raises(NotFoundError, match="no endpoint 'fligt'"):
        here.why("fligt")


def test_policies_are_read_kept_and_told(days: Days) -> None:
    here = days.installation
    with pytest.raises(NotFoundError, match="no policy: tidegate rollout set-policy flight --mode advise"):
        here.get_policy("flight")
    with pytest.raises(InvalidInputError, match="did you mean 'mode'"):
        here.set_policy("flight", {"mod": "auto"})
    made = here.set_policy("flight", {"mode": "auto"}, "go", idempotency_key="once")
    assert here.set_policy("flight", {"mode": "auto"}, "go", idempotency_key="once") == made
    found = here.get_policy("flight")
    assert (found["body"]["alpha"], found["reason"], found["endpoint"]) == (0.05, "go", "flight")
    here.set_policy("flight", {"mode": "off"})
    assert here.steer("flight") == {"panes": 0, "decisions": []}
    with pytest.raises(PreconditionError, match="is off: tidegate rollout set-policy flight --mode auto"):
        here.challenge("flight", "2")
    assert [each["action"] for each in here.list_decisions("flight")] == ["set_policy"] * 2


def test_what_was_before_the_policy_is_not_judged(days: Days) -> None:
    here = days.installation
    for index in range(5):
        days.log.day(index, here.get_traffic("flight"), {"1": wrong, "2": true})
    here.set_policy("flight", FAST)
    days.index = 5
    made = days(2, v1=wrong, v2=true)
    assert made[0]["body"]["pane"]["begin"][:10] == "2013-03-05"
    here.set_policy("flight", {"mode": "off"})
    days(9, v1=wrong, v2=true)
    here.set_policy("flight", FAST)
    assert days(2, v1=wrong, v2=true)[0]["body"]["pane"]["begin"][:10] == "2013-03-16"


def test_decisions_are_listed_with_or_without_holds(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST)
    days(6, v1=true, v2=true)
    assert [each["rule"] for each in here.list_decisions("flight")] == ["policy"]
    everything = here.list_decisions("flight", all_panes=True)
    assert [each["rule"] for each in everything] == ["policy", *["hold"] * 4]
    assert len(here.list_decisions("flight", "2013-03-05", all_panes=True)) < 5
