"""Steering on real logs by itself: floor, ladder, crown and drain, and what failures do in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.delay import register
from tests.installation.days import FAST, Days, near, slots, true, wrong, wrongly_kept
from tests.installation.test_installation import Refusing
from tests.rollout.worlds import DAY, START, Log, row, told

from tidegate.errors import ConflictError, InvalidInputError, PreconditionError
from tidegate.installation import ladders


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
