"""Every command of the README is run, in its order, against a home and a server of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

import tidegate
from tidegate.gateway import Ready

ROOT = Path(__file__).resolve().parents[2]
MATRIX = ROOT / "tests" / "data" / "matrix.onnx"
BLOCKS = [
    block.strip().splitlines()
    for block in re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
]
PROGRAMS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
COMMANDS = [line for block in BLOCKS for line in block]
SERVED = next(number for number, line in enumerate(COMMANDS) if line == "tidegate serve")


def test_the_readme_has_the_commands_that_these_tests_know() -> None:
    assert len(BLOCKS) == 7
    assert len(PROGRAMS) == 1
    known = ("make ", "tidegate ", "curl ", "TIDEGATE_")
    assert len(COMMANDS) >= 20
    assert all(line.startswith(known) for line in COMMANDS)


def test_its_picture_is_there_and_asks_the_network_for_nothing() -> None:
    (place,) = re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text())
    picture = (ROOT / place).read_text()
    assert "share of answers" in picture
    assert "http" not in picture.replace("http://www.w3.org/", "")
    assert "<script" not in picture


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_make_targets(line: str) -> None:
    done = subprocess.run(
        [*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of."""
    place = tmp_path_factory.mktemp("readme")
    width = 4
    rows = pl.DataFrame(
        {f"f{column}": [float((7 * row + column) % 11) for row in range(200)] for column in range(width)}
    )
    (place / "model.onnx").write_bytes(MATRIX.read_bytes())
    rows.cast(pl.Float32).write_parquet(place / "reference.parquet")
    (place / "records.json").write_text(json.dumps(rows.head(3).to_dicts()))
    return place


class Shell:
    """Runs the README's lines in one folder, with the README's ports moved to free ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bases: dict[str, str] = {}
        """Where the README's addresses really are."""
        scripts = Path(sys.executable).parent
        self.environment = {
            **os.environ,
            **dict.fromkeys(("TIDEGATE_PORT", "TIDEGATE_ADMIN_PORT", "TIDEGATE_CONTROL_PORT"), "0"),
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, line: str) -> str:
        for written, real in self.bases.items():
            line = line.replace(written, real)
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def shell(folder: Path) -> Shell:
    return Shell(folder)


@pytest.fixture(scope="module")
def served(shell: Shell) -> Iterator[Shell]:
    """The README's first terminal: all its commands until ``tidegate serve``, which stays."""
    start = next(number for number, line in enumerate(COMMANDS) if line == "tidegate init")
    for line in COMMANDS[start:SERVED]:
        shell.run(line)
    server = subprocess.Popen(
        ["tidegate", "serve", "--json"],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        ready = Ready.model_validate_json(server.stdout.readline())
        written = [f"http://127.0.0.1:{port}" for port in (8000, 8002, 8010)]
        shell.bases = dict(zip(written, (ready.data, ready.admin, ready.control), strict=True))
        yield shell
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert server.returncode == 0


def test_the_second_terminal(served: Shell) -> None:
    shown: dict[str, str] = {}
    scored: dict[str, Any] = {}
    for line in COMMANDS[SERVED + 1 :]:
        if line.startswith("make "):
            continue
        if line.startswith("tidegate feedback"):
            label = {"prediction_id": scored["prediction_id"], "row": 0, "label": 1}
            (served.folder / "labels.json").write_text(json.dumps([label]))
        shown[line] = served.run(line)
        if line.startswith("tidegate score") and line.endswith("--json"):
            answer = json.loads(shown[line])
            scored = answer[0] if isinstance(answer, list) else answer
    for number, program in enumerate(PROGRAMS):
        script = served.folder / f"{number}.py"
        script.write_text(program.replace("127.0.0.1:8000", served.bases["http://127.0.0.1:8000"][7:]))
        printed = served.run(f"{sys.executable} {script.name}")
        assert "prediction_id" in printed
    assert pl.read_parquet(served.folder / "scored.parquet").height == 200
    assert json.loads(shown["curl -s http://127.0.0.1:8000/v2/health/ready"]) == {"ready": True}
    assert json.loads(shown["curl -s http://127.0.0.1:8000/v2/models/delays"])["versions"] == ["1"]
    assert "tidegate_requests_total" in shown["curl -s http://127.0.0.1:8002/metrics"]
    assert "production" in shown["tidegate version promote delays 1 production"]
    assert "whole" in shown["tidegate audit verify"]
    lineage = json.loads(served.run(f"tidegate lineage {scored['prediction_id']} --json"))
    assert lineage["prediction"]["version"] == "1"
    assert lineage["version"]["stages"][-1]["approvers"] == ["vera"]
    key = (served.folder / ".tidegate" / "owner.key").read_text().strip()
    headers = {"authorization": f"Bearer {key}"}
    url = f"{served.bases['http://127.0.0.1:8010']}/openapi.json"
    assert "paths" in httpx.get(url, headers=headers, trust_env=False).json()


def test_quickstart(shell: Shell, tmp_path: Path) -> None:
    line = next(line for line in COMMANDS if line.startswith("tidegate quickstart"))
    home = tmp_path / "home"
    assert "drift counts 1 rows" in shell.run(f"{line} --home {home} --no-wait")


@pytest.mark.slow
def test_make_demo(tmp_path: Path) -> None:
    """Three months, unattended: whatever was decided, it rests on what it says that it rests on."""
    home = tmp_path / "demo-home"
    done = subprocess.run(
        ["make", "demo", f"DEMO=--months 3 --home {home}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "<svg" in (home / "report.html").read_text()
    assert (home / "year.svg").read_text().startswith("<svg")
    result = json.loads((home / "report.json").read_text())
    assert [row["period"] for row in result["periods"]] == ["2013-03", "2013-04", "2013-05"]
    for row in result["periods"]:
        assert sum(one["share"] for one in row["versions"].values()) == pytest.approx(1.0)
    check = result["check"]
    assert check["gap"] == check["rows_difference"] == check["cells_differing"] == 0
    assert check["ks_numerator_difference"] == 0
    assert result["control"]["alarms"] == 0
    assert result["audit"]["ok"]
    assert {one["outcome"] for one in result["retrainings"]} <= {"better", "not_better"}
    assert len(result["retrainings"]) >= 1
    answered = {one["version"] for one in result["traffic"] if one["share"] > 0}
    retired = {one["version"] for one in result["acts"] if one["kind"] == "retired"}
    with tidegate.open(home) as verbs:
        for version in answered | retired:
            gates = verbs.version_gates("flight-delay", version)
            assert all(made["holds"] for made in gates["history"])
            assert "production" in {made["to_stage"] for made in gates["history"]}
            assert [one["created_by"] for one in gates["approvals"]] == ["validator"]
            assert gates["created_by"] in {"scientist", "retrainer"}
            assert (gates["stage"] == "archived") == (version in retired)
        assert verbs.lineage(result["lineage"]["prediction"]["prediction_id"]) == result["lineage"]
