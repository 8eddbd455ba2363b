"""The commands of blind validation, as a validator types them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.people import keys
from tests.training.blind_sets import rows, submit
from typer.testing import CliRunner, Result

from tidegate import Installation
from tidegate.cli import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def made(installation: Installation, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with versions 1 and 2 of ``delay`` by ada in uat, in which commands act as vera."""
    keys(installation)
    for name in ("one", "two"):
        submit(installation, name)
    installation.create_model("other")
    installation.close()
    monkeypatch.setattr("tidegate.installation.opened.OWNER", "vera")
    return home


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """``may.age``, sealed by the commands, with its identity ``key.txt`` beside it."""
    recipient = run("blind", "keygen", "--out", tmp_path / "key.txt").stdout.strip()
    rows().write_parquet(tmp_path / "may.parquet")
    out = tmp_path / "may.age"
    said = run("blind", "seal", tmp_path / "may.parquet", "--recipient", recipient, "--out", out)
    assert said.stdout == f"403 rows with the target late are sealed in {out}\n"
    return out


def test_keys_are_made_and_rows_sealed(tmp_path: Path, sealed: Path) -> None:
    key = tmp_path / "key.txt"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    said = run("blind", "keygen", "--out", key)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr == f"error: {key} exists; an identity is never overwritten\n"
    recipient = json.loads(run("blind", "keygen", "--out", tmp_path / "k2", "--json").stdout)["recipient"]
    rows().rename({"late": "y"}).write_csv(tmp_path / "may.csv")
    again = tmp_path / "again.age"
    options = ["--recipient", recipient, "--out", again]
    refused = run("blind", "seal", tmp_path / "may.csv", *options)
    assert "there is no target column 'late'" in refused.stderr
    assert not again.exists()
    told = json.loads(run("blind", "seal", tmp_path / "may.csv", *options, "--target", "y", "--json").stdout)
    assert told == {"sealed": str(again), "rows": 403, "target": "y"}
    assert (
        "exists; name another" in run("blind", "seal", tmp_path / "may.csv", *options, "--target", "y").stderr
    )
    assert again.read_bytes().startswith(b"age-encryption.org/v1\n")


def test_a_set_is_added_judges_and_is_listed(made: Path, sealed: Path) -> None:
    home = ("--home", made)
    said = run("blind", "add", "may", "delay", sealed, "--budget", 5, "--description", "late May", *home)
    assert said.stdout.startswith("blind set may of delay may judge 5 versions (sha256:"), said.stderr
    identity = ("--identity", sealed.with_name("key.txt"))
    shown = run("blind", "judge", "may", "delay", 1, *identity, *home)
    assert shown.stdout.splitlines()[0].split() == ["rows", "400"], shown.stderr
    found = json.loads(run("blind", "judge", "may", "delay", 1, *identity, *home, "--json").stdout)
    assert found["figures"]["auc"] > 0.8
    (listed,) = json.loads(run("blind", "list", *home, "--json").stdout)
    assert (listed["left"], listed["results"]) == (4, [found])
    table = run("blind", "list", *home).stdout
    assert "may" in table
    assert f"{found['figures']['auc']:.4g}" in table
    ranked = run("version", "rank", "delay", "--to", "production", *home).stdout
    assert f"version 1 goes on to production: blind.auc is {found['figures']['auc']:.4g}" in ranked
    assert "version 2 does not: it has no blind.auc" in ranked
    by_auc = json.loads(
        run("version", "rank", "delay", "--to", "production", "--by", "auc", *home, "--json").stdout
    )
    assert [each["version"] for each in by_auc["ranking"]] == ["1", "2"]


def test_what_does_not_fit_is_one_line(made: Path, sealed: Path, tmp_path: Path) -> None:
    home = ("--home", made)
    plain = run("blind", "add", "may", "delay", tmp_path / "may.parquet", *home)
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert "may.parquet is not sealed; first: tidegate blind seal FILE" in plain.stderr
    run("blind", "add", "may", "delay", sealed, *home)
    key = sealed.with_name("key.txt")
    for arguments, said in (
        (("may", "other", 1, "--identity", key), "the blind set may is of the model delay, not of other"),
        (("june", "delay", 1, "--identity", key), "there is no blind set 'june'"),
        (("may", "delay", 1, "--identity", tmp_path / "absent"), "can't be read as an identity file"),
        (("may", "delay", 1, "--identity", sealed), "can't be read as an identity file"),
        (("may", "delay", 7, "--identity", key), "no version 7"),
    ):
        refused = run("blind", "judge", *arguments, *home)
        assert refused.exit_code in {1, 2}
        assert said in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_a_version_that_fails_ends_with_an_error(
    made: Path, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tidegate.training import blind

    home = ("--home", made)
    run("blind", "add", "may", "delay", sealed, *home)
    monkeypatch.setattr(blind, "_run", lambda _: b'{"confinement": {}}\n{"scoring": true}\n{"figures": {}}\n')
    said = run("blind", "judge", "may", "delay", 1, "--identity", sealed.with_name("key.txt"), *home)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == f"error: blind set may on version 1 of delay: {blind.FAILED}\n"
