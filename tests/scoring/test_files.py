"""Files are scored in parts, with the bits of the server, and go on where they were killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.e2e.servers import rows
from tests.scoring.conftest import SCHEMA

import tidegate
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.scoring import score_file

COUNT = 1050


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "big.parquet"
    table().write_parquet(path, row_group_size=97)
    return path


def table() -> pl.DataFrame:
    frame = pl.DataFrame(rows(COUNT), schema=SCHEMA)
    return frame.with_columns(id=pl.int_range(pl.len()), tail=pl.lit("N1"))


def scored(home: Path, source: Path, **how: Any) -> pl.DataFrame:
    target = source.with_name("scored.parquet")
    score_file(home, "flight", source, target, **{"version": "1", "keep": ["id"], "part_rows": 100, **how})
    assert not target.with_name("scored.parquet.parts").exists()
    return pl.read_parquet(target)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".arrow", ".jsonl"])
def test_every_format_has_the_answers_of_the_engine(home: Path, tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"big{suffix}"
    frame = table()
    writers: dict[str, Any] = {
        ".parquet": frame.write_parquet,
        ".csv": frame.write_csv,
        ".arrow": frame.write_ipc,
        ".jsonl": frame.write_ndjson,
    }
    writers[suffix](source)
    found = scored(home, source, batch=COUNT)
    with tidegate.LocalEngine(home) as engine:
        expected = engine.score_columns("flight", frame.drop("id"), version="1")
    assert found.columns[:3] == ["id", "score", "decision"]
    assert found["id"].to_list() == list(range(COUNT))
    np.testing.assert_array_equal(found["score"].to_numpy(), expected.score)
    assert set(found["version"]) == {"1"}
    assert found["decision"].to_list() == [score > 0.5 for score in found["score"].to_list()]


def test_a_server_may_hold_the_home_and_nothing_is_logged(home: Path, source: Path) -> None:
    with tidegate.LocalEngine(home) as engine:
        assert scored(home, source).height == COUNT
        assert json.loads(engine.status())["predictions"]["accepted"] == 0
    assert not list((home / "predictions").rglob("*.arrows"))


KILLED = """
import os, signal, sys
from pathlib import Path
from tidegate.scoring import score_file
def tell(done, rows):
    if done >= 400:
        os.kill(os.getpid(), signal.SIGKILL)
home, source, target = map(Path, sys.argv[1:])
score_file(home, "flight", source, target, version="1", keep=["id"], part_rows=100, tell=tell)
"""


def killed(home: Path, source: Path, target: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(home), str(source), str(target)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not target.exists()


def test_a_killed_job_goes_on_after_its_last_whole_part(home: Path, source: Path, tmp_path: Path) -> None:
    whole = scored(home, source)
    target = tmp_path / "again.parquet"
    killed(home, source, target)
    parts = tmp_path / "again.parquet.parts"
    left = sorted(path.name for path in parts.glob("*.parquet"))
    assert len(left) == 4
    stamps = {name: (parts / name).stat().st_ino for name in left}
    (parts / "000004.tmp").write_bytes(b"half a part")
    seen: list[tuple[int, int]] = []

    def tell(done: int, count: int) -> None:
        seen.append((done, count))
        if done < COUNT:
            assert {name: (parts / name).stat().st_ino for name in left} == stamps

    score_file(home, "flight", source, target, version="1", keep=["id"], part_rows=100, tell=tell)
    assert seen[0] == (400, COUNT)
    assert seen[-1] == (COUNT, COUNT)
    assert pl.read_parquet(target).equals(whole)


def test_another_input_or_version_does_not_go_on(home: Path, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "again.parquet"
    killed(home, source, target)
    how: dict[str, Any] = {"keep": ["id"], "part_rows": 100}
    with pytest.raises(ConflictError, match="begun with version 1, now it is 2"):
        score_file(home, "flight", source, target, version="2", **how)
    table().with_columns(hour=pl.lit(1, pl.Int64)).write_parquet(source)
    with pytest.raises(ConflictError, match="begun with input_sha256"):
        score_file(home, "flight", source, target, version="1", **how)


def test_two_processes_do_not_share_a_job(home: Path, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "scored.parquet"

    def tell(done: int, _: int) -> None:
        if done == 100:
            with pytest.raises(ConflictError, match="another process"):
                score_file(home, "flight", source, target, version="1", part_rows=100, drop_unknown=True)

    score_file(home, "flight", source, target, version="1", part_rows=100, drop_unknown=True, tell=tell)
    with pytest.raises(ConflictError, match="exists already"):
        score_file(home, "flight", source, target, version="1")


def test_wrong_columns_are_refused_before_the_model_runs(home: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "wrong.parquet", tmp_path / "scored.parquet"

    def refused(frame: pl.DataFrame, **how: Any) -> str:
        frame.write_parquet(source)
        with pytest.raises(InvalidInputError) as caught:
            score_file(home, "flight", source, target, **{"version": "1", **how})
        assert not target.exists()
        return str(caught.value)

    good = table().drop("id")
    assert "column 'hour' is missing" in refused(good.drop("hour"))
    assert "column 'speed' is unknown" in refused(good.with_columns(speed=1.0))
    assert "'hour' has type String" in refused(good.with_columns(pl.col("hour").cast(pl.String)))
    assert "--keep names 'id'" in refused(good, keep=["id"])
    assert "versions 1, 2; name one" in refused(good, version=None)
    assert "holds no rows" in refused(good.head(0))
    with pytest.raises(NotFoundError, match="unknown endpoint"):
        score_file(home, "flights", source, target)
    nulls = good.with_columns(hour=pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("hour"))
    assert "'hour' has 1 nulls" in refused(nulls)


def test_the_command(home: Path, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "scored.parquet"
    command = [
        *(sys.executable, "-m", "tidegate", "score", "flight", "--home", str(home)),
        *("--input", str(source), "--output", str(target), "--version", "2", "--keep", "id", "--json"),
    ]
    environment = {name: value for name, value in os.environ.items() if name != "TIDEGATE_URL"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout)["rows"] == COUNT
    assert pl.read_parquet(target, columns=["version"])["version"].unique().to_list() == ["2"]
