"""Steering on real logs: floor, ladder, crown and drain; and what people and failures do in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.delay import register
from tests.installation.test_installation import Refusing
from tests.rollout.worlds import DAY, START, Log, row, told

from tidegate import Installation
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError
from tidegate.installation import ladders
from tidegate.rollout import Policy, recheck

Score = Callable[[np.ndarray], np.ndarray]
FAST = {
    "mode": "auto",
    "evidence": "paired",
    "floor": {"loss": "brier", "threshold": 0.2},
    "ladder": [5, 25, 50, 99],
    "n_min": 5,
    "shadow_keys": 100,
    "cooldown": 0,
}


def true(p: np.ndarray) -> np.ndarray:
    return p


def wrong(p: np.ndarray) -> np.ndarray:
    return 1 - p


def near(p: np.ndarray) -> np.ndarray:
    """Nearly as good."""
    return 0.5 + 0.85 * (p - 0.5)


class Days:
    """Lives through days: rows as the plan has them, then a look."""

    def __init__(self, installation: Installation, seed: int = 1) -> None:
        self.installation = installation
        self.log = Log(installation.home.root, np.random.default_rng(seed))
        self.index = 0

    def __call__(self, count: int, rows: int = 200, **scores: Score) -> list[dict[str, Any]]:
        made = []
        for _ in range(count):
            given = {name.removeprefix("v"): score for name, score in scores.items()}
            self.log.day(self.index, self.installation.get_traffic("flight"), given, rows=rows)
            self.index += 1
            made += self.installation.steer("flight")["decisions"]
        return made


@pytest.fixture
def days(two_versions: Installation) -> Days:
    two_versions.set_traffic("flight", {"1": 1.0}, shadows=["2"])
    return Days(two_versions)


def slots(installation: Installation) -> dict[str, Any]:
    document = installation.registry.deployments.document()
    assert document is not None
    (entry,) = document["endpoints"]
    return {v["version"]: (v["slots"], v["weight"], v["shadow"], v["mirror"]) for v in entry["variants"]}


def wrongly_kept(installation: Installation) -> list[int]:
    """Decisions that don't follow from what they keep."""
    endpoint = installation.registry.endpoints.get("flight").id
    policies = {kept.id: Policy.read(kept.body) for kept in installation.registry.policies.all(endpoint)}
    kept = installation.registry.decisions.all(endpoint)
    assert sum("pane" in decision.body for decision in kept) > 0
    return recheck(kept, policies)


@pytest.mark.parametrize("evidence", ["paired", "exposed"])
def test_a_break_of_the_floor_lets_a_better_shadow_climb_and_the_old_champion_go(
    days: Days, evidence: str
) -> None:
    here = days.installation
    here.set_policy("flight", FAST | {"evidence": evidence})
    quiet = days(4, v1=true, v2=true)
    assert {made["rule"] for made in quiet} == {"hold"}
    made = days(30, v1=wrong, v2=true)
    moves = [each["rule"] for each in made if each["action"] != "hold"]
    assert moves == ["floor_break", "step_up", "step_up", "step_up", "step_up", "crown", "drained"]
    broken = next(each for each in made if each["rule"] == "floor_break")
    assert broken["body"]["floor"]["broken"]
    assert broken["body"]["floor"]["ln_m"] >= broken["body"]["floor"]["ln_alarm"]
    shares = [each["body"]["after"].get("2") for each in made if each["generation"]]
    assert shares == [0.05, 0.25, 0.5, 0.99, 1.0, 1.0]
    assert here.get_traffic("flight")["variants"][0]["version"] == "2"
    assert len(here.get_traffic("flight")["variants"]) == 1
    mirrored = {
        plan.generation: any(v.mirror for v in plan.variants)
        for plan in here.registry.deployments.history("flight")
    }
    assert any(mirrored.values()) == (evidence == "paired")
    assert not mirrored[max(mirrored)]
    assert wrongly_kept(here) == []
    assert here.registry.deployments.history("flight")[-1].created_by == "control"
    assert here.audit_verify()["ok"]


def test_a_pane_is_judged_once_and_only_when_its_labels_had_their_time(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST)
    days.log.day(0, here.get_traffic("flight"), {"1": true, "2": true})
    assert here.steer("flight") == {"panes": 0, "decisions": []}
    late = (START + 2 * DAY).isoformat()
    assert here.steer("flight", (START + 2 * DAY - timedelta(seconds=1)).isoformat())["panes"] == 0
    first = here.steer("flight", late)
    assert [each["body"]["pane"]["begin"] for each in first["decisions"]] == ["2013-03-01T00:00:00Z"]
    assert here.steer("flight", late)["panes"] == 0
    assert here.steer("flight")["panes"] == 0
    with pytest.raises(InvalidInputError, match="'soon' is no time"):
        here.steer("flight", "soon")


def test_labels_may_come_in_any_order_and_late_ones_are_counted_as_missing(
    tmp_path: Path, home: Path
) -> None:
    import tidegate
    from tidegate.settings import template

    def life(name: str, order: Callable[[list[dict[str, Any]]], list[list[dict[str, Any]]]]) -> list[Any]:
        root = Path(tidegate.init(tmp_path / name)["home"])
        (root / "tidegate.toml").write_text(template(trial=True))
        with tidegate.open(root) as here:
            register(here, "one")
            register(here, "two")
            here.create_endpoint("flight", "delay")
            here.set_traffic("flight", {"1": 1.0}, shadows=["2"])
            here.set_policy("flight", FAST)
            log = Log(root, np.random.default_rng(1))
            labels = []
            for n in range(600):
                at = START + n * (3 * DAY / 600)
                identity = f"{n:08x}-0000-7000-8000-000000000000"
                score = 0.1 + 0.8 * (n % 7) / 7
                log.write(
                    "predictions",
                    [
                        row(identity, "1", "answer", at, score, f"k{n}", 1),
                        row(identity, "2", "shadow", at, 1 - score, f"k{n}", 1),
                    ],
                ) if n == 0 else None
                labels.append(told(identity, float(n % 3 == 0), at + timedelta(hours=1)))
            rows = []
            for n in range(1, 600):
                at = START + n * (3 * DAY / 600)
                identity = f"{n:08x}-0000-7000-8000-000000000000"
                score = 0.1 + 0.8 * (n % 7) / 7
                rows.append(row(identity, "1", "answer", at, score, f"k{n}", 1))
                rows.append(row(identity, "2", "shadow", at, 1 - score, f"k{n}", 1))
            log.write("predictions", rows)
            for part in order(labels):
                log.write("labels", part)
            until = (START + 4 * DAY).isoformat()
            made = here.steer("flight", until)["decisions"]
            log.write("labels", [told("ffffffff", 1.0, START)])
            assert here.steer("flight", until)["panes"] == 0
            return [(each["rule"], each["says"], each["body"]) for each in made]

    one = life("one", lambda labels: [labels])
    assert len(one) == 3
    assert one[0][2]["versions"]["1"]["unlabelled"] == 0
    assert life("two", lambda labels: [labels[::-1]]) == one
    assert life("three", lambda labels: [labels[1::2], labels[::2], labels[:50]]) == one
    half = life("four", lambda labels: [labels[::2]])
    assert half[0][2]["versions"]["1"]["unlabelled"] == 100
    assert half[0][2]["versions"]["1"]["keys"] == 100


def test_no_data_holds(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST)
    days(2, v1=true, v2=true)
    days.index += 3
    made = days(3, v1=true, v2=true)
    quiet = [each for each in made if each["rule"] == "no_data"]
    assert [each["body"]["pane"]["begin"][:10] for each in quiet] == [
        "2013-03-03",
        "2013-03-04",
        "2013-03-05",
    ]
    assert {each["action"] for each in quiet} == {"hold"}
    assert wrongly_kept(here) == []


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


def test_a_step_that_can_not_be_served_is_a_decision_and_is_tried_again(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST)
    publisher = Refusing(2)
    here.serving = publisher  # type: ignore[assignment]
    before = slots(here)
    made = days(7, v1=wrong, v2=true)
    here.serving = None
    failed = [each for each in here.list_decisions("flight") if each["action"] == "taken_back"]
    assert [(each["rule"], each["generation"]) for each in failed] == [("step_up", 3)]
    assert "the graph does not load" in failed[0]["says"]
    assert failed[0]["body"]["before"] == failed[0]["body"]["after"]
    tried = [each for each in here.list_decisions("flight") if each["rule"] == "step_up"]
    assert [each["action"] for each in tried][:3] == ["step_up", "taken_back", "step_up"]
    assert len(publisher.published) == len([each for each in made if each["generation"]])
    assert wrongly_kept(here) == []
    plans = here.registry.deployments.history("flight")
    assert plans[2].variants == plans[0].variants
    while len(here.get_traffic("flight")["variants"]) and slots(here) != before:
        here.undo_traffic("flight")
    with pytest.raises(PreconditionError, match="no earlier plan"):
        here.undo_traffic("flight")


def test_a_refused_step_keeps_the_ladder_where_it_is(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    here = days.installation
    here.set_policy("flight", FAST)
    days(5, v1=wrong, v2=true)
    here.set_policy("flight", FAST)
    genuine = here.promoter.require_servable

    def refuse(versions: Any, weights: Any, shadows: Any) -> None:
        if len(list(weights)) > 1:
            raise PreconditionError("the gates say no")
        genuine(versions, weights, shadows)

    monkeypatch.setattr(here.promoter, "require_servable", refuse)
    weights = here.get_traffic("flight")
    made = days(3, v1=wrong, v2=true)
    assert "refused" in {each["action"] for each in made}
    assert here.get_traffic("flight") == weights
    assert wrongly_kept(here) == []


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


def test_a_server_steers_what_has_a_policy_and_an_error_stops_no_other(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = days.installation
    here.create_endpoint("arrival", "delay")
    here.set_policy("arrival", {"mode": "auto"})  # it has no traffic
    here.create_endpoint("departure", "delay")
    here.set_traffic("departure", {"1": 1.0})
    here.set_policy("flight", FAST)
    for index in range(4):
        days.log.day(index, here.get_traffic("flight"), {"1": true, "2": true})
    genuine = ladders.event_now

    def event_now(opened: Any, endpoint: str, since: Any) -> Any:
        if endpoint == "departure":
            raise RuntimeError("anything")
        return genuine(opened, endpoint, since)

    monkeypatch.setattr(ladders, "event_now", event_now)
    ladders.steer_all(here)
    assert len(here.list_decisions("flight", all_panes=True)) == 1 + 2
    assert here.list_decisions("departure", all_panes=True) == []


def test_a_copy_of_the_champion_is_not_preferred_on_real_logs(days: Days) -> None:
    here = days.installation
    here.set_policy("flight", FAST)
    here.challenge("flight", "2")
    made = days(25, v1=near, v2=near)
    assert max(each["body"]["after"].get("2", 0) for each in made) <= 0.5
    assert here.get_traffic("flight")["variants"][0]["weight"] >= 0.5
    assert wrongly_kept(here) == []


def test_a_plan_and_its_decision_are_one_write(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    here = days.installation
    here.set_policy("flight", FAST)
    genuine, failed = here.registry.decisions.add, []

    def add(endpoint: str, **more: Any) -> Any:
        if more.get("generation") is not None and not failed:
            failed.append(more["rule"])
            raise ConflictError("the disk is full")
        return genuine(endpoint, **more)

    monkeypatch.setattr(here.registry.decisions, "add", add)
    made = days(8, v1=wrong, v2=true)
    assert failed == ["step_up"]
    refused = next(each for each in made if each["action"] == "refused")
    assert (refused["generation"], refused["body"]["error"]) == (None, "the disk is full")
    plans = here.registry.deployments.history("flight")
    assert {plan.generation for plan in plans} == {1} | {
        each["generation"] for each in made if each["generation"]
    }
    assert wrongly_kept(here) == []


def test_keys_that_are_not_divided_as_planned_freeze_traffic_until_the_policy_is_set_again(
    days: Days,
) -> None:
    here = days.installation
    here.set_policy("flight", FAST | {"n_min": 40})
    days(7, v1=wrong, v2=true)
    plan = here.get_traffic("flight")
    assert [v["weight"] for v in plan["variants"]] == [0.95, 0.05]
    skewed = plan | {"variants": [v | {"weight": 0.5} for v in plan["variants"]]}
    for _ in range(3):
        days.log.day(days.index, skewed, {"1": wrong, "2": true})
        days.index += 1
    made = here.steer("flight")["decisions"]
    frozen = [each for each in made if each["rule"] == "freeze_srm"]
    assert frozen[0]["action"] == "freeze"
    assert here.get_traffic("flight") == plan
    made = days(3, v1=wrong, v2=true)
    assert {(each["rule"], each["action"]) for each in made} == {("freeze_srm", "hold")}
    assert any("keys are not divided as planned" in said for said in here.why("flight")["says"])
    here.set_policy("flight", FAST)
    assert "step_up" in {each["rule"] for each in days(4, v1=wrong, v2=true)}
    assert wrongly_kept(here) == []


def test_a_look_reads_what_was_not_judged_and_a_running_experiment_alone(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tidegate.monitoring import logs

    here = days.installation
    here.set_policy("flight", FAST | {"floor": None, "shadow_keys": 10_000})
    days(5, v1=true, v2=true)
    genuine, asked = logs.predictions, []

    def predictions(home: Path, endpoint: str, since: Any = None, until: Any = None) -> Any:
        asked.append(since)
        return genuine(home, endpoint, since, until)

    monkeypatch.setattr(logs, "predictions", predictions)
    days(1, v1=true, v2=true)
    assert set(asked) == {START + 3 * DAY}
    here.challenge("flight", "2")
    days(2, v1=true, v2=true)
    asked.clear()
    days(1, v1=true, v2=true)
    assert set(asked) == {START + 4 * DAY, START + 6 * DAY}  # the experiment, and what is new
