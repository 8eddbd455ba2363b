from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.delay import CONTRACT, SIGNATURE, vouch
from typer.testing import CliRunner

import tidegate
from tidegate.cli import app, output
from tidegate.installation.verbs import BY_NAME
from tidegate.settings import template

Run = Callable[..., Any]
WITHOUT_HOME = {"tidegate blind keygen", "tidegate blind seal"}
"""Commands of the validator's own machine."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command on a home in the test's folder; gives its result."""

    def call(*arguments: object, home: Path | None = tmp_path / "home", text: str | None = None) -> Any:
        given = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, given + ([] if home is None else ["--home", str(home)]), input=text)

    return call


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps({"signature": SIGNATURE, "contract": CONTRACT}))
    return file


@pytest.fixture
def made(run: Run, facts: Path, tmp_path: Path) -> Run:
    """The same after a trial home with a model, two versions and an endpoint was made, all by commands."""
    for number in (1, 2):
        (tmp_path / f"{number}.onnx").write_text(f"graph {number}")
    for arguments in (
        ("init",),
        ("model", "create", "delay", "--description", "late?"),
        ("version", "register", "delay", "--onnx", tmp_path / "1.onnx", "--facts", facts),
        ("version", "register", "delay", "--onnx", tmp_path / "2.onnx", "--facts", facts),
        ("endpoint", "create", "flight", "delay", "--context", "tail:bytes:key"),
    ):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
    with tidegate.open(tmp_path / "home") as verbs:
        for version in verbs.list_versions("delay"):
            vouch(verbs, version)
    (tmp_path / "home" / "tidegate.toml").write_text(template(trial=True))
    return run


def ended(result: Any) -> tuple[int, str]:
    """Exit code and error line; there is never a traceback."""
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.exit_code, result.stderr


def test_every_verb_has_a_command() -> None:
    files = sorted(Path(inspect.getfile(output)).parent.glob("*.py"))
    assert len(files) >= 15
    sources = "".join(file.read_text() for file in files)
    assert set(re.findall(r"verbs\.(\w+)\(", sources)) - {"artifact"} == set(BY_NAME)


def test_every_command_prints_json_on_demand() -> None:
    import typer

    def leaves(command: Any, path: str) -> list[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return [(path, command)]
        return [leaf for name, each in inner.items() for leaf in leaves(each, f"{path} {name}")]

    found = leaves(typer.main.get_command(app), "tidegate")
    assert len(found) >= 25
    for path, command in found:
        options = {option for parameter in command.params for option in parameter.opts}
        needed = {"--json"} if path in WITHOUT_HOME else {"--json", "--home"}
        assert needed <= options, path
    assert {path for path, _ in found} >= WITHOUT_HOME


def test_traffic_is_set_and_shown(made: Run) -> None:
    plan = json.loads(
        made("traffic", "set", "flight", "1=0.9", "2=0.1", "--reason", "try 2", "--json").stdout
    )
    assert json.loads(made("traffic", "show", "flight", "--json").stdout) == plan
    shown = made("traffic", "show", "flight").stdout
    assert "flight since generation 1: try 2" in shown
    assert "90.00%" in shown
    shadow = json.loads(made("traffic", "set", "flight", "1=1", "--shadow", "2", "--json").stdout)
    assert [variant["shadow"] for variant in shadow["variants"]] == [False, True]


def test_tables_and_json_say_the_same(made: Run) -> None:
    assert "late?" in made("model", "list").stdout
    assert json.loads(made("model", "list", "--json").stdout)[0]["description"] == "late?"
    assert "tail" in made("endpoint", "show", "flight").stdout
    assert json.loads(made("version", "show", "delay", "2", "--json").stdout)["version"] == "2"
    assert "signature" in made("version", "show", "delay", "2").stdout
    for group in ("endpoint", "key", "dataset"):
        assert made(group, "list").exit_code == 0
    assert "whole" in made("audit", "verify").stdout
    status = json.loads(made("status", "--json").stdout)
    assert status["endpoints"] == ["flight"]
    assert "serving     no" in made("status").stdout


def test_an_idempotency_key_repeats_the_answer(made: Run) -> None:
    first = made("model", "create", "other", "--idempotency-key", "k", "--json")
    again = made("model", "create", "other", "--idempotency-key", "k", "--json")
    assert (first.exit_code, again.stdout) == (0, first.stdout)


def test_datasets_and_keys(made: Run, tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"x": [1, 2, 3]}).write_parquet(tmp_path / "x.parquet")
    result = made("dataset", "register", "x", tmp_path / "x.parquet", "--origin", '{"by": "hand"}', "--json")
    assert json.loads(result.stdout)["origin"] == {"by": "hand"}
    key = json.loads(made("key", "create", "ana", "--role", "auditor", "--json").stdout)
    assert key["key"].startswith("tg_")
    assert made("key", "revoke", key["id"]).exit_code == 0
    digest = made("artifact", "put", tmp_path / "x.parquet").stdout.strip()
    assert digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("traffic", "set", "flight", "1=0.5"), 2, "the weights sum to 0.5; expected 1"),
        (("traffic", "set", "flight", "1=x"), 2, "'1=x' is no VERSION=WEIGHT"),
        (("traffic", "set", "flight", "1=0.5", "1=0.5"), 2, "version 1 is named twice"),
        (("traffic", "set", "flight", "9=1"), 1, "no version 9; it has 1 to 2"),
        (("traffic", "show", "nope"), 1, "there is no endpoint 'nope'; there are: flight"),
        (("traffic", "show", "flight"), 1, "has no traffic plan yet"),
        (("model", "create", "delay"), 1, "the model delay exists already"),
        (("model", "create", "a/b"), 2, "not a name for a model"),
        (("model", "create"), 2, "Missing argument"),
        (("model", "make", "x"), 2, "No such command 'make'"),
        (("lineage", "x"), 2, "not a prediction id"),
        (("performance", "flight", "--by", "year"), 2, "'year'"),
        (("endpoint", "create", "e", "delay", "--context", "x"), 2, "is no NAME:DATATYPE"),
        (("endpoint", "create", "e", "delay", "--context", "x:F32"), 2, "datatype"),
        (("dataset", "register", "d", "none.parquet"), 2, "there is no file none.parquet"),
        (("dataset", "register", "d", "x.parquet", "--origin", "{"), 2, "--origin is no JSON"),
        (("version", "register", "delay", "--onnx", "none.onnx"), 2, "there is no file none.onnx"),
        (("score", "flight", "--input", "none.json"), 2, "none.json can't be read"),
        (("score", "flight", "--input", "rows.xml"), 2, "rows.xml is none of .json"),
        (("feedback", "--input", "none.csv"), 2, "none.csv can't be read"),
        (("init",), 1, "is a home already"),
    ],
)
def test_errors_are_one_line(made: Run, arguments: tuple[str, ...], code: int, text: str) -> None:
    found, line = ended(made(*arguments))
    assert found == code
    assert text in line


def test_a_missing_home_is_an_error(run: Run) -> None:
    for arguments in (("status",), ("serve",), ("model", "list")):
        code, line = ended(run(*arguments))
        assert code == 1
        assert "tidegate init" in line


def test_a_held_home_is_an_error(made: Run, tmp_path: Path) -> None:
    with tidegate.open(tmp_path / "home"):
        code, line = ended(made("model", "list"))
    assert code == 1
    assert "is held by process" in line


def test_an_unknown_setting_is_an_error(made: Run, tmp_path: Path) -> None:
    (tmp_path / "home" / "tidegate.toml").write_text("[log]\nfsnyc = 'os'\n")
    code, line = ended(made("status"))
    assert code == 2
    assert "log.fsync" in line


def test_rows_come_from_standard_input(made: Run) -> None:
    code, line = ended(made("score", "flight", "--input", "-", text="{"))
    assert (code, "standard input is no JSON" in line) == (2, True)
    code, line = ended(made("score", "flight", text='[{"distance": 1}]'))
    assert (code, "no server runs on the home" in line) == (1, True)
    code, line = ended(made("feedback", text="[]"))
    assert (code, "holds no labels" in line) == (2, True)


def test_facts_are_checked(made: Run, tmp_path: Path, facts: Path) -> None:
    facts.write_text(json.dumps({"signature": SIGNATURE, "contrat": {}}))
    code, line = ended(made("version", "register", "delay", "--onnx", tmp_path / "1.onnx", "--facts", facts))
    assert (code, "has 'contrat'" in line) == (2, True)


def test_help_is_quick_and_light(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from tidegate.cli import app\n"
        "try:\n"
        "    app(['--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "heavy = {'polars', 'fastapi', 'uvicorn', 'httpx', 'numpy', 'sqlite_utils', 'tidegate._native'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "quickstart" in done.stdout


def test_the_module_is_the_program(tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tidegate", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

    assert call("--version").stdout == f"tidegate {tidegate.__version__}\n"
    assert call("init").returncode == 0
    assert (tmp_path / ".tidegate" / "registry.db").is_file()
    failed = call("traffic", "show", "nope")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "error: there is no endpoint 'nope'; there are: none yet\n"
