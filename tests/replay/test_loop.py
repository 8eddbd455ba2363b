"""The loop: what makes it retrain, the way of a new version, what is refused, and who is retired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.errors import PreconditionError, UnavailableError
from tidegate.replay.loop import House, Loop
from tidegate.replay.rules import Pace, Rules

JSON = dict[str, Any]
BEGIN = datetime(2013, 3, 1, tzinfo=UTC)
PACE = Pace(pane_hours=24, look_panes=2, drift_panes=7, retrain_panes=28)


def alarm(number: int = 1, version: str = "4", magnitude: str = "major", psi: float = 0.4) -> JSON:
    return {
        "id": number,
        "version": version,
        "feature": "temp",
        "role": "input",
        "stream": "values",
        "began": "2013-03-03T05:00:00+00:00",
        "verdict": {
            "evidence": "ALARM",
            "alarmed_at": "2013-03-04T00:00:00+00:00",
            "ended_at": None,
            "magnitude": magnitude,
            "psi_bias_corrected": psi,
        },
    }


class Everybody:
    """Operator, retrainer and judge in one: writes down what was asked, answers what a test prepared."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.alarms: list[JSON] = []
        self.verdicts: list[JSON] = []
        self.decided: list[JSON] = []
        self.outcome = "better"
        self.refusal: str | None = None
        self.fails: dict[str, Exception] = {}
        self.generation = 1
        self.checks = 0

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if what[0] in self.fails:
            raise self.fails[what[0]]

    def decide(self, *events: tuple[str, str], broken: bool = False, trying: str | None = None) -> None:
        challengers = [{"retraining": 1, "phase": trying}, {"retraining": None, "phase": "climb"}]
        self.decided.append(
            {
                "id": len(self.decided) + 1,
                "at": BEGIN.isoformat(),
                "body": {
                    "floor": {"broken": broken},
                    "state": {"challengers": challengers if trying else []},
                    "events": [{"rule": rule, "version": version, "says": ""} for rule, version in events],
                },
            }
        )

    def get_traffic(self, endpoint: str) -> JSON:
        return {"generation": self.generation}

    def check_drift(self, endpoint: str) -> JSON:
        self.checks += 1
        new = [one["id"] for one in self.alarms]
        return {"alarms": self.alarms, "new": new, "ended": [], "verdicts": self.verdicts}

    def steer(self, endpoint: str, until: str | None = None) -> JSON:
        return {}

    def list_decisions(self, endpoint: str, since: str | None = None) -> list[JSON]:
        return self.decided

    def list_versions(self, model: str) -> list[JSON]:
        return [{"version": "6", "digest": "sha256:six"}]

    def promote_version(self, model: str, number: str, stage: str, reason: str = "") -> JSON:
        self._note("promote", number, stage)
        return {}

    def challenge(self, endpoint: str, version: str, reason: str = "", retraining: int | None = None) -> JSON:
        self._note("challenge", version, retraining)
        self.generation += 1
        return {"says": "version 6 challenges version 4"}

    def retire_version(self, model: str, number: str, reason: str = "") -> JSON:
        self._note("retire", number)
        return {}

    def retrain(
        self, endpoint: str, alarm: int | None = None, *, until: str | None = None, reason: str = ""
    ) -> JSON:
        self._note("retrain", alarm, until, reason)
        return {"id": 1, "outcome": self.outcome, "says": self.outcome, "version": "sha256:six"}

    def renew(self, at: int, champion: str) -> str | None:
        self._note("renew", at, champion)
        return None

    def judge(self, number: str) -> JSON:
        self._note("judge", number)
        return {"auc": 0.69}

    def approve(self, number: str, against: str | None = None) -> str | None:
        self._note("approve", number, against)
        return self.refusal


@pytest.fixture
def everybody() -> Everybody:
    return Everybody()


@pytest.fixture
def loop(everybody: Everybody) -> Loop:
    return Loop(House(everybody, everybody, everybody), "delays", Rules(pace=PACE), "4")


def looks(days: int, start: int = 0) -> Iterator[int]:
    for day in range(start, start + days, 2):
        yield round((BEGIN + timedelta(days=day)).timestamp() * 1e6)


def run(loop: Loop, days: int, start: int = 0) -> list[bool]:
    return [loop.look(at) for at in looks(days, start)]


def kinds(loop: Loop) -> list[str]:
    return [act["kind"] for act in loop.acts if act["kind"] != "alarm"]


def test_a_better_version_goes_all_the_way_and_others_decide_each_step(
    loop: Loop, everybody: Everybody
) -> None:
    everybody.alarms = [alarm()]
    changed = run(loop, 30)
    until = (BEGIN + timedelta(days=28)).isoformat()
    assert everybody.asked == [
        ("retrain", 1, until, "temp (values) has changed since 2013-03-03"),
        ("promote", "6", "uat"),
        ("renew", round((BEGIN + timedelta(days=28)).timestamp() * 1e6), "4"),
        ("judge", "6"),
        ("approve", "6", "4"),
        ("promote", "6", "production"),
        ("challenge", "6", 1),
    ]
    assert kinds(loop) == ["retraining", "blind", "approved"]
    assert changed == [False] * 14 + [True]


def test_retrainings_lie_four_weeks_apart_and_drift_checks_one(loop: Loop, everybody: Everybody) -> None:
    everybody.alarms, everybody.outcome = [alarm()], "not_better"
    run(loop, 120)
    whens = [datetime.fromisoformat(what[2]) for what in everybody.asked if what[0] == "retrain"]
    assert [(when - BEGIN).days for when in whens] == [28, 56, 84, 112]
    assert everybody.checks == 15
    assert kinds(loop) == ["retraining"] * 4


@pytest.mark.parametrize(("phase", "days"), [("climb", 56), ("shadow", 56), ("closed", 28)])
def test_what_is_still_being_tried_is_given_time(
    loop: Loop, everybody: Everybody, phase: str, days: int
) -> None:
    everybody.alarms, everybody.outcome = [alarm()], "not_better"
    everybody.decide(("step_up", "6"), trying=phase)
    run(loop, 60)
    (first, *_) = [datetime.fromisoformat(what[2]) for what in everybody.asked if what[0] == "retrain"]
    assert (first - BEGIN).days == days


@pytest.mark.parametrize("outcome", ["not_better", "fix_data", "too_few_labels"])
def test_what_is_not_better_goes_nowhere_and_is_kept(loop: Loop, everybody: Everybody, outcome: str) -> None:
    everybody.alarms, everybody.outcome = [alarm()], outcome
    run(loop, 30)
    assert [what[0] for what in everybody.asked] == ["retrain"]
    (act,) = [act for act in loop.acts if act["kind"] == "retraining"]
    assert (act["outcome"], act["retraining"]) == (outcome, 1)


@pytest.mark.parametrize(
    "alarms",
    [[], [alarm(version="3")], [alarm(magnitude="negligible")]],
    ids=["none", "another version", "negligible"],
)
def test_no_reason_no_retraining(loop: Loop, everybody: Everybody, alarms: list[JSON]) -> None:
    everybody.alarms = alarms
    run(loop, 60)
    assert everybody.asked == []


@pytest.mark.parametrize(
    ("opened", "by_now", "retrains"), [("small", "major", True), ("major", "negligible", False)]
)
def test_what_counts_is_how_large_a_shift_is_by_now(
    loop: Loop, everybody: Everybody, opened: str, by_now: str, retrains: bool
) -> None:
    everybody.alarms = [alarm(magnitude=opened)]
    names = ("version", "role", "feature", "stream")
    everybody.verdicts = [
        {name: everybody.alarms[0][name] for name in names} | alarm(magnitude=by_now)["verdict"]
    ]
    run(loop, 30)
    assert bool(everybody.asked) == retrains


def test_a_broken_floor_is_a_reason_by_itself_and_makes_a_small_alarm_one(
    loop: Loop, everybody: Everybody
) -> None:
    everybody.decide(("floor_break", "4"), broken=True)
    run(loop, 30)
    assert everybody.asked[0][1::2] == (None, "the floor is broken")
    everybody.alarms = [alarm(7, magnitude="small")]
    run(loop, 60, start=30)
    again = next(what for what in everybody.asked[1:] if what[0] == "retrain" and what[1] is not None)
    assert again[1::2] == (7, "the floor is broken, and temp (values) has changed since 2013-03-03")


@pytest.mark.parametrize("silent", [{}, {"floor": None}], ids=["no pane", "nothing to look at"])
def test_a_decision_that_did_not_look_at_the_floor_leaves_it_broken(
    loop: Loop, everybody: Everybody, silent: JSON
) -> None:
    everybody.decide(("floor_break", "4"), broken=True)
    everybody.decide(("admit", "6"))
    everybody.decided[-1]["body"] = {"events": [], **silent}
    run(loop, 30)
    assert everybody.asked[0][1::2] == (None, "the floor is broken")


def test_the_input_that_moved_most_is_named(loop: Loop, everybody: Everybody) -> None:
    score = alarm(4, psi=3.0) | {"feature": "score", "role": "score"}
    everybody.alarms = [alarm(1, psi=0.2), alarm(2, psi=0.9), alarm(3, version="3", psi=2.0), score]
    run(loop, 30)
    assert everybody.asked[0][1] == 2


def test_what_the_validator_does_not_approve_stays_out_of_production(
    loop: Loop, everybody: Everybody
) -> None:
    everybody.alarms, everybody.refusal = [alarm()], "AUC on the sealed set is lower"
    run(loop, 30)
    assert [what[0] for what in everybody.asked] == ["retrain", "promote", "renew", "judge", "approve"]
    assert loop.acts[-1]["kind"] == "refused"
    assert loop.acts[-1]["says"] == "AUC on the sealed set is lower"


def test_what_a_gate_refuses_is_kept_and_nothing_else_happens(loop: Loop, everybody: Everybody) -> None:
    everybody.alarms = [alarm()]
    everybody.fails["promote"] = PreconditionError("gate auc >= 0.64 has not passed")
    run(loop, 30)
    assert [what[0] for what in everybody.asked] == ["retrain", "promote"]
    assert loop.acts[-1]["says"] == "gate auc >= 0.64 has not passed"


def test_a_retraining_that_fails_does_not_end_the_replay(loop: Loop, everybody: Everybody) -> None:
    everybody.alarms = [alarm()]
    everybody.fails["retrain"] = UnavailableError("no memory")
    run(loop, 60)
    assert kinds(loop) == ["refused", "refused"]
    assert loop.acts[-1]["says"] == "retraining failed: no memory"


def test_a_crowned_version_is_champion_and_the_drained_one_is_retired_once(
    loop: Loop, everybody: Everybody
) -> None:
    run(loop, 4)
    everybody.decide(("crown", "6"))
    run(loop, 2, start=4)
    assert loop.champion == "6"
    everybody.decide(("drained", "4"))
    run(loop, 6, start=6)
    assert everybody.asked == [("retire", "4")]
    everybody.alarms = [alarm(9, version="6"), alarm(8, version="4")]
    run(loop, 30, start=12)
    assert next(what for what in everybody.asked if what[0] == "retrain")[1] == 9


def test_a_retirement_that_is_refused_is_kept(loop: Loop, everybody: Everybody) -> None:
    everybody.fails["retire"] = PreconditionError("version 4 answers requests")
    everybody.decide(("drained", "4"))
    run(loop, 2)
    assert [(act["kind"], act["says"]) for act in loop.acts] == [("refused", "version 4 answers requests")]
