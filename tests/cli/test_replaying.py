"""``tidegate replay``: what it takes becomes a source and rules; what can't be used ends with one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.replay.recordings import timed
from typer.testing import CliRunner

from tidegate.cli.app import app
from tidegate.replay import run
from tidegate.replay.rules import Rules
from tidegate.replay.source import Source


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    timed().write_csv(tmp_path / "shop.csv")
    return tmp_path / "shop.csv"


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Source, Rules, Path]]:
    made: list[tuple[Source, Rules, Path]] = []

    class Fake:
        def __init__(self, source: Source, rules: Rules, root: Path, _console: Any) -> None:
            made.append((source, rules, root))

        def run(self) -> dict[str, Any]:
            return {"rows": 4000}

    monkeypatch.setattr(run, "Replay", Fake)
    return made


def test_options_become_a_source_and_rules(
    csv: Path, replayed: list[tuple[Source, Rules, Path]], tmp_path: Path
) -> None:
    line = ["replay", str(csv), "--target", "left", "--time", "asked_at", "--key", "shop", "--off"]
    line += ["--label-time", "known_at", "--reference", "0.3", "--floor", "0.25", "--least", "0.7"]
    done = CliRunner().invoke(app, [*line, "--home", str(tmp_path / "home"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"rows": 4000}
    ((source, rules, root),) = replayed
    assert (source.name, source.target, source.time, source.key) == ("shop", "left", "asked_at", "shop")
    assert source.events.height == 3500
    assert (rules.floor, rules.least, rules.least_blind, rules.loop) == (0.25, 0.7, 0.7, False)
    assert root == tmp_path / "home"


def test_the_home_is_named_after_the_file(csv: Path, replayed: list[tuple[Source, Rules, Path]]) -> None:
    CliRunner().invoke(app, ["replay", str(csv), "--target", "left"])
    assert replayed[0][1].loop
    assert replayed[0][2] == Path("shop-home")


def test_a_column_that_is_not_there_is_named(csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["replay", str(csv), "--target", "gone"])
    assert ended.value.code == 2
    assert "error: shop.csv has no column 'gone'; it has usage, age" in capsys.readouterr().err


def test_a_module_that_is_missing_is_named(
    csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: Any) -> Any:
        raise ModuleNotFoundError("No module named 'altair'", name="altair")

    monkeypatch.setattr(run, "Replay", missing)
    with pytest.raises(SystemExit) as ended:
        app(["replay", str(csv), "--target", "left"])
    assert ended.value.code == 1
    assert "needs the module 'altair': pip install 'tidegate[demo,training]'" in capsys.readouterr().err
