"""The rules of a replay's house are settings that a home can be opened with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.replay.rules import Rules, settings
from tidegate.settings import FILE, load


def test_production_alone_answers_and_every_way_there_has_gates(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(settings(Rules(least=0.64), events=284_821))
    found = load(tmp_path)
    assert found.require_production
    assert found.stages.require_metrics
    gates = {(move.source, move.to): move.gates for move in found.stages.moves}
    into = {pair: names for pair, names in gates.items() if pair[1] == "production"}
    assert list(into) == [("uat", "production")]
    assert {"approval", "auc >= 0.64", "conversion"} <= set(into["uat", "production"])
    assert {"auc >= 0.64", "conversion"} <= set(gates["development", "uat"])


@pytest.mark.parametrize(("events", "rows"), [(4000, 100), (60_000, 300), (284_821, 1000)])
def test_panes_fit_the_recording(tmp_path: Path, events: int, rows: int) -> None:
    (tmp_path / FILE).write_text(settings(Rules(), events))
    assert load(tmp_path).pane_rows == rows
