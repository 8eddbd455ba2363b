"""Checks of drift by the verbs: alarms on record, the same on three faces, and nothing lost by a kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.delay import register
from tests.gateway.callers import BASE, InProcess
from tests.installation.test_drift import PANE, START, profile, reference, write_panes
from tests.people import keys
from typer.testing import CliRunner

import tidegate
from conftest import Spawn
from tidegate import Client, Installation
from tidegate.cli import app
from tidegate.errors import NotFoundError, PermissionDeniedError
from tidegate.gateway import create_app
from tidegate.monitoring.alarms import UNVERIFIED
from tidegate.serving import Announcements


def serve(verbs: Installation, tmp_path: Path, frame: pl.DataFrame, shift: float) -> dict[str, Any]:
    """A version on the endpoint ``flight``, its live distance shifted from the fifth of eight panes on."""
    file = tmp_path / "reference.parquet"
    frame.write_parquet(file)
    known = profile(frame)
    dataset = verbs.register_dataset("reference", file, "time")["digest"]
    stored = verbs.put_artifact(known.to_bytes())["digest"]
    made = register(verbs, profile=stored, dataset=dataset)
    verbs.create_endpoint("flight", "delay")
    write_panes(verbs.home.drift / "flight", known, made["digest"], shift)
    return made


@pytest.fixture
def shifted(installation: Installation, tmp_path: Path) -> Installation:
    serve(installation, tmp_path, reference(1), 0.5)
    return installation


def test_a_check_keeps_what_it_finds(shifted: Installation) -> None:
    assert shifted.list_alarms("flight") == []
    found = shifted.check_drift("flight")
    assert (found["new"], found["ended"]) == ([1], [])
    [alarm] = found["alarms"]
    assert (alarm["feature"], alarm["stream"], alarm["version"]) == ("distance", "values", "1")
    assert alarm["began"] == "2013-04-05T00:00:00Z"
    assert alarm["ended_at"] is None
    assert alarm["verdict"]["evidence"] == "ALARM"
    assert alarm["verdict"]["magnitude"] == "moderate"
    assert len(found["verdicts"]) == 4
    [edge] = shifted.graph.sources("alarm:1")
    assert edge.object == f"version:{alarm['variant']}"


def test_the_same_panes_again_give_the_same_rows(shifted: Installation) -> None:
    first = shifted.check_drift("flight")
    entries = shifted.audit_verify()["entries"]
    again = shifted.check_drift("flight")
    assert again == first | {"new": []}
    assert shifted.audit_verify()["entries"] == entries
    assert shifted.check_drift("flight", idempotency_key="k") == shifted.check_drift(
        "flight", idempotency_key="k"
    )


def test_a_check_of_no_panes_finds_nothing(installation: Installation) -> None:
    register(installation)
    installation.create_endpoint("flight", "delay")
    assert installation.check_drift("flight") == {"alarms": [], "new": [], "ended": [], "verdicts": []}
    with pytest.raises(NotFoundError, match="no endpoint 'x'"):
        installation.check_drift("x")


def test_a_reference_that_changes_has_no_alarm(home: Path, tmp_path: Path) -> None:
    frame = reference(1).sort("time")
    moved = np.where(np.arange(frame.height) > 0.8 * frame.height, 0.35, 0.0).astype(np.float32)
    with tidegate.open(home) as verbs:
        serve(verbs, tmp_path, frame.with_columns(pl.col("distance") + moved), 1.0)
        found = verbs.check_drift("flight")
        assert found["new"] == []
        verdict = next(
            row for row in found["verdicts"] if (row["feature"], row["stream"]) == ("distance", "values")
        )
    assert (verdict["evidence"], verdict["reason"], verdict["magnitude"]) == ("NONE", "BASELINE", "major")
    assert verdict["baseline_ln_m"] > verdict["ln_alarm"]
    assert verdict["design_effect"] < 20
    said = CliRunner().invoke(app, ["drift", "flight", "--home", str(home)]).output
    assert "version 1: no alarm for distance major: the reference itself changes over its time" in said


def test_panes_are_those_of_the_settings(home: Path, tmp_path: Path) -> None:
    with tidegate.open(home) as verbs:
        serve(verbs, tmp_path, reference(1), 0.5)
        verbs.check_drift("flight")
    [kept] = (home / "drift" / ".replays").iterdir()
    assert json.loads(kept.read_text())["of"]["pane_rows"] == PANE
    with tidegate.open(home, flags={"pane_rows": 2000}) as verbs:
        found = verbs.check_drift("flight")
    assert {row["note"] for row in found["verdicts"]} == {
        f"{UNVERIFIED}; the reference has fewer than 30 panes of 2000 rows"
    }
    assert len(list((home / "drift" / ".replays").iterdir())) == 2


def test_the_reference_is_read_once(shifted: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shifted.check_drift("flight")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the replay is worked out again")

    monkeypatch.setattr("tidegate.monitoring.baseline.replay", refuse)
    assert shifted.check_drift("flight")["verdicts"] == first["verdicts"]


KILLED = """
import os, signal, sys
import tidegate
from tidegate.registry.alarms import Alarms
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "before":
    Alarms.record = die
else:
    Alarms._insert, insert = (lambda self, *given: (insert(self, *given), die())), Alarms._insert
with tidegate.open(sys.argv[1]) as verbs:
    verbs.check_drift("flight")
"""


@pytest.mark.parametrize("when", ["before", "within"])
def test_a_kill_between_scan_and_record_loses_nothing(
    home: Path, tmp_path: Path, spawn: Spawn, when: str
) -> None:
    with tidegate.open(home) as verbs:
        serve(verbs, tmp_path, reference(1), 0.5)
    child = spawn(KILLED, home, when)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    with tidegate.open(home) as verbs:
        assert verbs.list_alarms("flight") == []
        found = verbs.check_drift("flight")
        assert (found["new"], [alarm["feature"] for alarm in found["alarms"]]) == ([1], ["distance"])
        assert verbs.audit_verify()["ok"]


def test_three_faces_and_rights(shifted: Installation, home: Path) -> None:
    given = keys(shifted)
    asgi = create_app(shifted, Announcements(shifted.home.deployments))

    def client(name: str) -> Client:
        made = Client(BASE, given[name])
        made._control._http._transport = InProcess(asgi)
        return made

    otto, anna = client("otto"), client("anna")
    for name in ("ada", "vera", "anna", "ben", "carl"):
        with pytest.raises(PermissionDeniedError, match=f"{name} may not check_drift"):
            client(name).check_drift("flight")
    found = otto.check_drift("flight")
    assert found["new"] == [1]
    assert otto.check_drift("flight") == shifted.check_drift("flight")
    assert anna.list_alarms("flight") == shifted.list_alarms("flight") == found["alarms"]
    assert anna.list_alarms("flight", open_only=True) == found["alarms"]
    with pytest.raises(PermissionDeniedError, match="carl may not list_alarms"):
        client("carl").list_alarms("flight")
    shifted.close()

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--home", str(home)])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert json.loads(run("alarm", "list", "flight", "--json")) == found["alarms"]
    assert json.loads(run("drift", "flight", "--check", "--json"))["check"] == found | {"new": []}
    shown = run("alarm", "list", "flight", "--open")
    assert "distance (values)" in shown
    assert "moderate" in shown


def test_the_command_line_checks_and_says(home: Path, tmp_path: Path) -> None:
    with tidegate.open(home) as verbs:
        serve(verbs, tmp_path, reference(1), 0.5)
    run = CliRunner().invoke
    assert (
        run(app, ["alarm", "list", "flight", "--home", str(home)]).stdout == "flight: no alarms on record\n"
    )
    said = run(app, ["drift", "flight", "--check", "--home", str(home)]).stdout
    assert "checked: 1 new alarms, 0 ended" in said
    day = f"{START:%Y}-04-05"
    assert f"version 1: ALARM: distance (values) changed since {day}" in said
    rhythm = reference(100)
    other = tmp_path / "other"
    other.mkdir()
    root = Path(tidegate.init(other / "home")["home"])
    with tidegate.open(root) as verbs:
        serve(verbs, other, rhythm, 1.0)
    said = run(app, ["drift", "flight", "--check", "--home", str(root)]).stdout
    assert "checked: 0 new alarms" in said
    assert "version 1: no alarm for distance major: reference too short for this rhythm (RHYTHM)" in said
