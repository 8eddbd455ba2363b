"""Which code ran."""

from __future__ import annotations

import subprocess
from pathlib import Path

import tidegate
from tidegate.training.provenance import code_state, library_versions


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


def test_names_commit_and_changes(tmp_path: Path) -> None:
    package = tmp_path / "tidegate"
    package.mkdir()
    (package / "a.py").write_text("x = 1\n")
    loose = code_state(package)
    assert loose["version"] == tidegate.__version__
    assert len(loose["files_sha256"]) == 64

    git(tmp_path, "init", "-q")
    assert code_state(package) == loose  # nothing is tracked yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    clean = code_state(package)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "elsewhere.txt").write_text("outside of the package")
    assert code_state(package) == clean
    (package / "a.py").write_text("x = 2\n")
    assert code_state(package) == clean | {"dirty": True}


def test_files_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = code_state(tmp_path)["files_sha256"]
    (tmp_path / "notes.txt").write_text("no source")
    assert code_state(tmp_path)["files_sha256"] == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert code_state(tmp_path)["files_sha256"] != first


def test_knows_the_libraries() -> None:
    assert {"numpy", "onnxruntime", "skl2onnx"} <= library_versions().keys()
