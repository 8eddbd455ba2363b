"""Replays are worked out once, and again when their file is gone, torn or of something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.monitoring.baseline import Replayed
from tidegate.monitoring.replays import kept
from tidegate.monitoring.streams import Key

OF = {"profile": "sha256:1", "dataset": "sha256:2", "pane_rows": 1000}
FOUND: dict[Key, Replayed] = {
    ("input", "distance", "values"): Replayed(1.5, 3.25),
    ("input", "distance", "missing"): Replayed(1.0, None),
    ("input", "gone", "values"): Replayed(note="no column"),
}


class Work:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[Key, Replayed]:
        self.times += 1
        return FOUND


def test_once_per_what_it_is_of(tmp_path: Path) -> None:
    work = Work()
    assert kept(tmp_path, OF, work) == FOUND
    assert kept(tmp_path, OF, work) == FOUND
    assert work.times == 1
    assert kept(tmp_path, OF | {"pane_rows": 500}, work) == FOUND
    assert work.times == 2


@pytest.mark.parametrize("content", [b"", b'{"of": {', b"[]", b'{"of": 1, "streams": []}', b"\xff"])
def test_a_torn_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    work = Work()
    kept(tmp_path, OF, work)
    [file] = (tmp_path / ".replays").iterdir()
    whole = file.read_bytes()
    for broken in (content, whole[:-9]):
        file.write_bytes(broken)
        assert kept(tmp_path, OF, work) == FOUND
        assert file.read_bytes() == whole
    assert work.times == 3
