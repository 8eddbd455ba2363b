"""The rules of a replay's house are settings that a home can be opened with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.replay.test_plan import source

from tidegate.replay.plan import make
from tidegate.replay.rules import Pace, Rules, pace, policy, settings
from tidegate.replay.source import LEAST_EVENTS
from tidegate.rollout import Floor, Policy
from tidegate.settings import FILE, load


def test_production_alone_answers_and_every_way_there_has_gates(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(settings(Rules(least=0.64), events=284_821))
    found = load(tmp_path)
    assert found.require_production
    assert found.steer_seconds == 0, "the replay looks by event time, not by the clock"
    assert found.stages.require_metrics
    gates = {(move.source, move.to): move.gates for move in found.stages.moves}
    into = {pair: names for pair, names in gates.items() if pair[1] == "production"}
    assert list(into) == [("uat", "production")]
    assert {"approval", "auc >= 0.64", "blind.auc >= 0.6", "conversion"} == set(into["uat", "production"])
    assert {"auc >= 0.64", "conversion"} <= set(gates["development", "uat"])


@pytest.mark.parametrize(("events", "rows"), [(4000, 100), (60_000, 300), (284_821, 1000)])
def test_panes_fit_the_recording(tmp_path: Path, events: int, rows: int) -> None:
    (tmp_path / FILE).write_text(settings(Rules(), events))
    assert load(tmp_path).pane_rows == rows


@pytest.mark.parametrize("rows", [300, 4000, 40_000])
@pytest.mark.parametrize("loop", [True, False])
def test_the_policy_is_one_and_asks_for_no_more_keys_than_come(rows: int, loop: bool) -> None:
    recorded = source([("EWR", 0.01 * at, 1.0) for at in range(rows)], key=None)
    rules = Rules(loop=loop, pace=Pace(pane_hours=1, maturity_hours=2))
    made = make(recorded)
    found = Policy.read(policy(rules, made))
    assert found.mode == ("auto" if loop else "off")
    assert found.evidence == "paired"
    assert found.floor == Floor(threshold=0.2)
    assert (found.pane_hours, found.maturity_hours) == (1, 2)
    assert 2 <= found.n_min <= 50
    assert 20 <= found.shadow_keys <= 200


def test_without_a_floor_there_is_none() -> None:
    made = make(source([("EWR", at, 1.0) for at in range(50)]))
    assert Policy.read(policy(Rules(floor=None), made)).floor is None


@pytest.mark.parametrize(
    ("hours", "pane"), [(50, 1), (100, 1), (101, 2), (384, 4), (44 * 24, 12), (45 * 24, 24), (9000, 24)]
)
def test_a_pane_is_a_day_or_gives_up_to_a_hundred(hours: int, pane: int) -> None:
    rows: list[tuple[str, float, float | None]] = [("EWR", 0, 1.0)] * LEAST_EVENTS
    recorded = source([*rows, ("EWR", hours, 1.0)], repeat=0)
    assert pace(recorded).pane_hours == pane
