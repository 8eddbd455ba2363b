"""What an auditor reads: an answer back to its people, gates and data, and what served at a moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.monitoring.spools import scored, segment
from tests.people import keys, submit, to_production
from typer.testing import CliRunner

import tidegate
from tidegate import Installation
from tidegate.cli import app, tracing

PREDICTION = "0190a2b0-0000-7000-8000-000000000001"


@pytest.fixture
def made(installation: Installation, home: Path) -> Path:
    """A home whose version 2, a child of 1, gave an answer."""
    keys(installation)
    submit(installation, recipe={"estimator": "forest"})
    child = submit(installation, "two", parent="1")
    to_production(installation, "1")
    to_production(installation, "2")
    installation.create_endpoint("flight", "delay", "1")
    installation.set_traffic("flight", {"2": 0.9, "1": 0.1}, reason="two is better", principal="otto")
    row = scored(PREDICTION, version="2", variant=child["digest"], model="delay")
    segment(home / "predictions" / "flight", [row])
    installation.close()
    return home


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])


def test_lineage_reads_like_a_record(made: Path) -> None:
    result = run(made, "lineage", PREDICTION)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"prediction  {PREDICTION}, 1 rows"
    for said in (
        "endpoint    flight, generation 1",
        "by otto: two is better; version 1 10.00%, version 2 90.00%",
        "stood in    production at that moment, since ",
        "version     delay 2 (sha256:",
        "registered  by ada at ",
        "by otto, approved by vera: approved",
        "            gate auc >= 0.6 passed: auc is 0.71",
        "            gate approval passed: approved by vera",
        "parent      delay 1 (sha256:",
        'recipe      {"estimator": "forest"}',
    ):
        assert any(said in line for line in lines), said
    assert "NOT" not in result.stdout
    told = json.loads(run(made, "lineage", PREDICTION, "--json").stdout)
    assert (told["then"]["stage"], told["version"]["parent"]["version"]) == ("production", "1")


def test_the_cause_of_a_version_and_its_blind_verdict_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    at = {"created_at": "T", "created_by": "rita"}
    version = {
        "model": "delay",
        "version": "2",
        "digest": "sha256:2",
        "stages": [],
        "blind": [{"blind_set": "autumn", "figures": {"auc": 0.71234, "rows": 900}} | at],
        "datasets": [
            {"digest": "sha256:d"},
            {
                "name": "flights",
                "version": 1,
                "digest": "sha256:e",
                "rows": 9,
                "time_from": "A",
                "time_to": "B",
            },
        ],
        "recipe": {},
        "code": {},
        "alarm": {
            "id": 3,
            "alarmed_at": "U",
            "endpoint": "flight",
            "role": "input",
            "feature": "hour",
            "stream": "values",
            "version": "1",
            "began": "S",
            "verdict": {
                "psi_bias_corrected": 0.31,
                "design_effect": 1.5,
                "magnitude": "large",
                "rows": 4000,
                "reason": None,
                "evidence": "ALARM",
                "ended_at": None,
                "ln_m": 17.5,
                "ln_alarm": 14.0,
                "began": "S",
            },
        },
        "retraining": {"id": 5, "says": "version 2 is better"} | at,
    } | at
    tracing._version(version, "version")
    said = capsys.readouterr().out
    for line in (
        "blind       set autumn, by rita at T: auc 0.7123, rows 900",
        "dataset     (sha256:d)",
        "dataset     flights 1, 9 rows, A to B (sha256:e)",
        "cause       alarm 3 at U on flight, version 1: ALARM: hour (values) changed since S: large shift",
        "retraining  5 by rita at T: version 2 is better",
    ):
        assert line in said


def test_as_of_is_a_table_and_json(made: Path) -> None:
    now = datetime.now(UTC).isoformat()
    shown = run(made, "as-of", now).stdout
    assert "generation 1" in shown
    assert "by otto: two is better" in shown
    assert "version 2, gate approval passed: approved by vera" in shown
    found = json.loads(run(made, "as-of", now, "--endpoint", "flight", "--json").stdout)
    assert [row["weight"] for row in found["endpoints"][0]["plan"]["variants"]] == [0.1, 0.9]
    before = run(made, "as-of", "2013-03-01").stdout.splitlines()
    assert before[0].startswith("at 2013-03-01T00:00:00.000000Z: nothing served at")
    assert before[1].startswith("endpoint flight had no traffic plan at")


@pytest.mark.parametrize(
    ("moment", "said"), [("soon", "'soon' is no time"), ("9999-01-01", "has not come yet")]
)
def test_a_time_that_cannot_be_answered_is_one_line(made: Path, moment: str, said: str) -> None:
    result = run(made, "as-of", moment)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_version_is_retired_by_command(made: Path) -> None:
    refused = run(made, "version", "retire", "delay", "1")
    assert refused.exit_code == 1
    assert "tidegate traffic set flight 2=1" in refused.stderr
    with tidegate.open(made) as opened:
        opened.set_traffic("flight", {"2": 1.0}, ["1"])
    said = run(made, "version", "retire", "delay", "1", "--reason", "drained")
    assert said.stdout == (
        "version 1 of delay is retired: in archived, from production; it no longer shadows flight\n"
    )
