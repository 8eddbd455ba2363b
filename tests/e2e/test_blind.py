"""A sealed set in a house of people: typed commands, a real server, a maker who learns aggregates alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.e2e.servers import DATA, Servers

import tidegate

CANARY = "N-canary-17"
VALUE = 8675309.125
GATED = """
require_production = true

[stages]
moves = [
    { from = "development", to = "uat", gates = ["conversion"] },
    { from = "uat", to = "production", gates = ["conversion", "blind.auc >= 0.6", "approval"] },
]
"""
Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def validator(tmp_path: Path) -> Path:
    """Vera's own folder: rows that the model knows something about, with a text that would be found again."""
    folder = tmp_path / "vera"
    folder.mkdir()
    x = np.random.default_rng(9).normal(size=(600, 4)).astype(np.float32)
    late = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(np.int64)
    features = pl.DataFrame({f"f{each}": x[:, each] for each in range(4)})
    features.write_parquet(folder / "reference.parquet")
    more: dict[str, Any] = {"late": late, "tail": [CANARY] * 600, "value": [VALUE] * 600}
    features.with_columns(**{name: pl.Series(each) for name, each in more.items()}).write_parquet(
        folder / "may.parquet"
    )
    return folder


@pytest.fixture
def typed(validator: Path) -> Typed:
    """``typed(key, url, command)`` runs a command line in vera's folder with somebody's key."""

    def run(key: str, url: str, command: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
        return subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=validator,
            env=environment | {"TIDEGATE_URL": url, "TIDEGATE_KEY": key},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_validator_judges_what_a_scientist_made(
    home: Path, validator: Path, serve: Servers, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = validator / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (home / "tidegate.toml").write_text(GATED)
    with tidegate.open(home) as verbs:
        people = {"ada": "data_scientist", "vera": "model_validator", "otto": "operator", "anna": "auditor"}
        keys = {name: verbs.create_key(name, role)["key"] for name, role in people.items()}
    server = serve(home)
    url = server.ready.control
    said: list[str] = []

    def does(name: str, command: str, *, refused: str | None = None) -> str:
        done = typed(keys[name], url, f"tidegate {command}")
        if name != "vera":
            said.extend([done.stdout, done.stderr])
        if refused is not None:
            assert done.returncode == 1, done.stdout
            assert refused in done.stderr
            return done.stderr
        assert done.returncode == 0, done.stderr
        return done.stdout

    recipient = does("vera", "blind keygen --out vera.key").strip()
    does("vera", f"blind seal may.parquet --recipient {recipient} --target late --out may.age")
    does("ada", "model create delay")
    does("ada", f"version register delay --onnx {DATA / 'matrix.onnx'} --reference reference.parquet")
    does("otto", "version promote delay 1 uat")
    told = does("otto", "version promote delay 1 production", refused="gate blind.auc >= 0.6 has not passed")
    assert "tidegate blind add NAME delay FILE.age (as model_validator, not ada)" in told

    for name in ("ada", "otto", "anna"):
        does(name, "blind add may delay may.age", refused=f"{name} may not")
    artifact = json.loads(does("vera", "blind add may delay may.age --budget 3 --json"))["artifact"]
    told = does("otto", "version promote delay 1 production", refused="blind set may has not judged it")
    assert "tidegate blind judge may delay 1 --identity FILE" in told
    for name in ("ada", "otto", "anna"):
        does(name, "blind judge may delay 1 --identity vera.key", refused=f"{name} may not judge_blind")

    figures = json.loads(does("vera", "blind judge may delay 1 --identity vera.key --json"))["figures"]
    assert figures["auc"] > 0.8
    assert figures["rows"] == 600
    assert set(figures) == {"rows", "positive_rate", "auc", "brier", "log_loss", "accuracy"}
    (listed,) = json.loads(does("ada", "blind list --json"))
    assert (listed["left"], listed["results"][0]["figures"]) == (2, figures)
    ranked = does("ada", "version rank delay --to production")
    assert f"version 1 goes on to production: blind.auc is {figures['auc']:.4g}" in ranked

    does("otto", "version promote delay 1 production", refused="gate approval has not passed")
    does("vera", "version approve delay 1 production --reason judged")
    does("otto", "version promote delay 1 production --reason passed")
    does("otto", "endpoint create flight delay")
    does("otto", "traffic set flight 1=1.0")
    assert not cache.exists()  # no telemetry of ONNX Runtime's, in any process
    gates = json.loads(does("anna", "version gates delay 1 --json"))
    assert gates["stage"] == "production"
    assert all(move["holds"] for move in gates["history"])
    (blind,) = [each for each in gates["history"][-1]["verdicts"] if each["gate"] == "blind.auc >= 0.6"]
    assert blind["figures"] == {
        "metric": "blind.auc",
        "value": figures["auc"],
        "bound": 0.6,
        "set": "may",
        "result": listed["results"][0]["id"],
    }
    assert "whole" in does("anna", "audit verify")
    server.process.send_signal(signal.SIGTERM)
    said.extend(server.process.communicate(timeout=60))
    assert server.process.returncode == 0

    identity = (validator / "vera.key").read_text().splitlines()[-1]
    secrets = [CANARY.encode(), str(VALUE).encode(), np.float64(VALUE).tobytes(), identity.encode()]
    files = [file for file in home.rglob("*") if file.is_file()]
    assert any(file.name == artifact.removeprefix("sha256:")[2:] for file in files)
    for file in files:
        data = file.read_bytes()
        assert not any(secret in data for secret in secrets), file
    plain = (validator / "may.parquet").read_bytes()
    assert all(secret in plain for secret in secrets[:1])
    assert not any(secret.decode("latin-1") in text for text in said for secret in secrets)
