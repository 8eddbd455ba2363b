"""The commands of steering, as people type them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.rollout.worlds import Log
from typer.testing import CliRunner, Result

from tidegate import Installation
from tidegate.cli import app


@pytest.fixture
def made(two_versions: Installation, home: Path) -> Path:
    """A home whose endpoint has served four days."""
    two_versions.set_traffic("flight", {"1": 1.0}, shadows=["2"])
    log = Log(home, np.random.default_rng(1))
    for day in range(4):
        log.day(day, two_versions.get_traffic("flight"), {"1": lambda p: p, "2": lambda p: p}, rows=30)
    two_versions.close()
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])


def test_a_policy_is_set_and_shown(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"alpha": 0.01, "mode": "off"}')
    said = run(
        made,
        "rollout",
        "set-policy",
        "flight",
        "--file",
        str(file),
        "--mode",
        "auto",
        "--evidence",
        "paired",
        "--floor",
        "0.2",
        "--set",
        "ladder=[5,50,99]",
        "--reason",
        "spring",
    )
    assert said.exit_code == 0, said.stderr
    assert said.stdout.startswith("policy 1 of flight, by owner: spring\n")
    body = json.loads(run(made, "rollout", "policy", "flight", "--json").stdout)["body"]
    assert (body["alpha"], body["mode"], body["evidence"]) == (0.01, "auto", "paired")
    assert body["ladder"] == [5, 50, 99]
    assert body["floor"] == {"loss": "brier", "threshold": 0.2}
    assert "explore_cap" in run(made, "rollout", "policy", "flight").stdout
    off = json.loads(run(made, "rollout", "set-policy", "flight", "--mode", "off", "--json").stdout)["body"]
    assert off == body | {"mode": "off"}
    file.write_text("{}")
    anew = run(made, "rollout", "set-policy", "flight", "--file", str(file), "--json")
    assert json.loads(anew.stdout)["body"]["floor"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("set-policy", "flight", "--mode", "on"), 2, "mode: Input should be 'off', 'advise' or 'auto'"),
        (("set-policy", "flight", "--set", "eps"), 2, "'eps' is no MEMBER=JSON, such as eps=0.005"),
        (("set-policy", "flight", "--set", "eps=high"), 2, "'eps=high' is no MEMBER=JSON"),
        (("set-policy", "flight", "--file", "/nowhere/policy.json"), 2, "can't be read"),
        (("policy", "flight"), 1, "has no policy: tidegate rollout set-policy flight --mode advise"),
        (("challenge", "flight", "2"), 1, "has no policy"),
        (("decisions", "fligth"), 1, "there is no endpoint 'fligth'"),
    ],
)
def test_refusals_are_one_line(made: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run(made, "rollout", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("error: ")
    assert said in result.stderr


def test_from_a_challenge_to_why(made: Path) -> None:
    run(made, "rollout", "set-policy", "flight", "--mode", "auto")
    said = run(made, "rollout", "challenge", "flight", "2", "--reason", "the new one")
    assert said.stdout == "version 2 challenges version 1: the new one\n"
    steered = run(made, "rollout", "steer", "flight", "--until", "2013-03-06")
    assert steered.stdout.startswith("1 pane judged\n")
    assert "shadow" in steered.stdout
    assert "admit" in run(made, "rollout", "decisions", "flight").stdout
    everything = json.loads(run(made, "rollout", "decisions", "flight", "--all", "--json").stdout)
    assert [each["rule"] for each in everything] == ["policy", "admit", "shadow"]
    told = run(made, "why", "flight").stdout
    assert "version 1 100.00%; shadows 2, since generation 1, made" in told
    assert "next: version 2 shadows: 30 of the 200 labelled keys" in told
    assert json.loads(run(made, "why", "flight", "--json").stdout)["plan"]["generation"] == 1


def test_undo(made: Path) -> None:
    run(made, "traffic", "set", "flight", "1=0.5", "2=0.5")
    said = run(made, "traffic", "undo", "flight", "--reason", "no")
    assert "flight since generation 3: undo: back to the plan of generation 1" in " ".join(
        said.stdout.split()
    )
    assert json.loads(run(made, "traffic", "show", "flight", "--json").stdout)["variants"][0]["weight"] == 1.0
    again = run(made, "traffic", "undo", "flight")
    assert (again.exit_code, again.stderr) == (
        1,
        "error: endpoint 'flight' has no earlier plan to go back to\n",
    )
