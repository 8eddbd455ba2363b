"""Who is suspected: by the marks that were left, else by what was installed last."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from tidegate.serving.blame import MARKS, Marks, read_marks, suspect


def variant(version: int) -> dict[str, Any]:
    digit = str(version)
    return {
        "model": "delay",
        "version": digit,
        "digest": f"sha256:{digit * 64}",
        "onnx": "sha256:" + hex(version + 9)[2:] * 64,
    }


def mark(version: int) -> str:
    return hex(version + 9)[2:] * 16


@pytest.fixture
def deployments(tmp_path: Path) -> Path:
    """Version 1; then 1 and 2; then 1, 2 and 3; then 1 and 3."""
    folder = tmp_path / "deployments"
    folder.mkdir()
    for generation, versions in enumerate([[1], [1, 2], [1, 2, 3], [1, 3]], start=1):
        body = {"generation": generation, "endpoints": [{"variants": [variant(n) for n in versions]}]}
        (folder / f"{generation}.json").write_text(json.dumps(body))
    return folder


def name(deployments: Path, marks: Marks) -> tuple[str, bool] | None:
    found = suspect(deployments, marks)
    return None if found is None else (found.version, found.certain)


def test_what_ran_where_the_signal_arose_is_certain(deployments: Path) -> None:
    marks = Marks(frozenset({mark(1), mark(3)}), mark(1), fatal=True)
    assert name(deployments, marks) == ("1", True)


def test_the_only_one_that_ran_is_certain(deployments: Path) -> None:
    assert name(deployments, Marks(frozenset({mark(1)}))) == ("1", True)


def test_of_several_the_last_installed_is_suspected(deployments: Path) -> None:
    assert name(deployments, Marks(frozenset({mark(1), mark(3)}))) == ("3", False)
    assert name(deployments, Marks()) == ("3", False)
    assert name(deployments, Marks(frozenset({mark(1)}), None, fatal=True)) == ("3", False)


def test_what_was_served_while_the_next_was_installed_is_found(deployments: Path) -> None:
    assert name(deployments, Marks(frozenset({mark(2)}), mark(2), fatal=True)) == ("2", True)


def test_without_a_deployment_nobody_is_suspected(tmp_path: Path) -> None:
    assert suspect(tmp_path, Marks(frozenset({mark(1)}), mark(1), fatal=True)) is None


def test_the_file_of_marks_is_read(tmp_path: Path) -> None:
    def line(word: bytes, thread: int) -> bytes:
        return (word + struct.pack("<I", thread)).ljust(64, b"\0")

    lines = [
        line(b"TGMARKS1", 12),
        line(struct.pack("<Q", 0xAAAA_AAAA_AAAA_AAAA), 11),
        line(struct.pack("<Q", 0xBBBB_BBBB_BBBB_BBBB), 12),
        line(struct.pack("<Q", 0), 13),
    ]
    (tmp_path / MARKS).write_bytes(b"".join(lines))
    assert read_marks(tmp_path) == Marks(frozenset({"a" * 16, "b" * 16}), "b" * 16, fatal=True)


@pytest.mark.parametrize("data", [None, b"", b"TGMARKS1", b"x" * 128])
def test_no_file_of_marks_is_none(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / MARKS).write_bytes(data)
    assert read_marks(tmp_path) == Marks()
