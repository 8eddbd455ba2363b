from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.people import keys, submit
from typer.testing import CliRunner, Result

import tidegate
from tidegate import Installation
from tidegate.cli import app


@pytest.fixture
def made(installation: Installation, home: Path) -> Path:
    """A home with a version in development that vera has approved."""
    keys(installation)
    submit(installation)
    installation.approve_version("delay", "1", "production", principal="vera")
    submit(installation, "two", metrics={"auc": 0.5})
    installation.close()
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])


def test_a_version_is_promoted_and_shown(made: Path) -> None:
    said = run(made, "version", "promote", "delay", "1", "uat", "--reason", "good on the held-out month")
    assert said.stdout == "version 1 of delay is in uat, from development\n"
    moved = json.loads(run(made, "version", "promote", "delay", "1", "production", "--json").stdout)
    assert (moved["stage"], moved["promotion"]["verdicts"][2]["says"]) == ("production", "approved by vera")
    assert "production" in run(made, "version", "show", "delay", "1").stdout
    assert "production" in run(made, "version", "list", "delay").stdout
    shown = run(made, "version", "gates", "delay", "1").stdout
    assert "version 1 of delay is in production, registered by ada" in shown
    assert "approved for production by vera" in shown
    assert "moved from uat to production by owner" in shown
    assert "NOT" not in shown


def test_gates_are_a_table_and_json(made: Path) -> None:
    shown = run(made, "version", "gates", "delay", "2", "--stage", "uat").stdout
    assert "auc >= 0.6" in shown
    assert "missing" in shown
    assert "uat needs auc >= 0.6: a version with auc >= 0.6 is needed: tidegate version register" in shown
    found = json.loads(run(made, "version", "gates", "delay", "2", "--json").stdout)
    assert found["moves"][0]["open"] is False


def test_refusals_are_one_line(made: Path) -> None:
    for arguments, said in (
        (("promote", "delay", "2", "uat"), "gate auc >= 0.6 has not passed: auc is 0.5"),
        (("promote", "delay", "1", "production"), "first: tidegate version promote delay 1 uat"),
        (("approve", "delay", "1", "production"), "owner may not approve_version: it needs model_validator"),
    ):
        result = run(made, "version", *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("error: ")
        assert said in result.stderr


def test_an_approver_approves(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.installation.opened.OWNER", "vera")
    result = run(made, "version", "approve", "delay", "2", "production", "--reason", "fine")
    assert result.stdout == "version 2 of delay is approved for production by vera\n"
    with tidegate.open(made) as opened:
        assert len(opened.version_gates("delay", "2")["approvals"]) == 1
