"""Sealing: nothing lost, nothing twice, and again after any crash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest

from monitoring.spools import DEAD, label, scored, segment
from tidegate.monitoring import logs
from tidegate.monitoring.sealing import SealedFile, seal


def test_seals_what_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "predictions" / "e"
    older = segment(folder, [scored("a"), scored("b")])
    growing = segment(folder, [scored("c")], number=1)
    dead = segment(folder, [scored("d")], pid=DEAD, torn=33)
    segment(tmp_path / "labels" / "e", [label("a", 1.0)], pid=DEAD)
    before = logs.predictions(tmp_path, "e").collect().sort("prediction_id")
    recorded: list[SealedFile] = []
    assert seal(tmp_path, recorded.append) == recorded
    assert {(file.path, file.rows, file.torn_bytes) for file in recorded} == {
        (f"predictions/e/{older.stem}.parquet", 2, 0),
        (f"predictions/e/{dead.stem}.parquet", 1, 33),
        (f"labels/e/{dead.stem}.parquet", 1, 0),
    }
    for file in recorded:
        assert hashlib.sha256((tmp_path / file.path).read_bytes()).hexdigest() == file.sha256
    assert growing.exists()
    assert not older.exists()
    assert not dead.exists()
    assert logs.predictions(tmp_path, "e").collect().sort("prediction_id").equals(before)
    assert seal(tmp_path, recorded.append) == []


def test_the_segment_stays_until_it_is_recorded(tmp_path: Path) -> None:
    source = segment(tmp_path / "predictions" / "e", [scored("a")], pid=DEAD)

    def refuse(_: SealedFile) -> None:
        raise OSError("the registry is read-only")

    with pytest.raises(OSError, match="read-only"):
        seal(tmp_path, refuse)
    assert source.exists()
    assert logs.predictions(tmp_path, "e").collect().height == 1  # not twice
    again: list[SealedFile] = []
    seal(tmp_path, again.append)
    assert [file.rows for file in again] == [1]
    assert not source.exists()


def test_a_segment_without_a_batch_goes_away(tmp_path: Path) -> None:
    folder = tmp_path / "predictions" / "e"
    empty = segment(folder, [], pid=DEAD)
    (folder / f"20130301T000001-{DEAD}-1.arrows").write_bytes(b"")
    assert seal(tmp_path, lambda _: None) == []
    assert not empty.exists()
    assert list(folder.iterdir()) == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "drift" / "e"
    folder.mkdir(parents=True)
    (folder / "counts.arrow").write_bytes(b"x")
    (folder / "notes.arrows").write_bytes(b"x")
    assert seal(tmp_path, lambda _: None) == []
    assert {path.name for path in folder.iterdir()} == {"counts.arrow", "notes.arrows"}


def test_sealed_files_open_with_polars_alone(tmp_path: Path) -> None:
    segment(tmp_path / "predictions" / "e", [scored("a", **{"input.x": 0.25})], pid=DEAD)
    [file] = seal(tmp_path, lambda _: None)
    frame = pl.read_parquet(tmp_path / file.path)
    assert frame["input.x"].dtype == pl.Float32
    assert frame["event_time"].dtype == pl.Datetime("us", "UTC")


def test_a_damaged_segment_hides_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "predictions" / "e"
    segment(folder, [scored("a")], pid=DEAD)
    damaged = segment(folder, [scored("b")], pid=DEAD, number=1)
    damaged.write_bytes(b"\0" * 64 + damaged.read_bytes()[64:])
    assert logs.predictions(tmp_path, "e").collect()["prediction_id"].to_list() == ["a"]
    assert [file.rows for file in seal(tmp_path, lambda _: None)] == [1]
    assert damaged.exists()
