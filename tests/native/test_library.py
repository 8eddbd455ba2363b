"""ONNX Runtime's library: what is no such library is named, with what was needed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.serving import library

Spawn = Callable[..., "subprocess.Popen[str]"]
LOAD = """
import sys
from tidegate._native import Scorer
from tidegate.errors import SettingsError
try:
    Scorer(b"", sys.argv[1])
except SettingsError as error:
    print(error)
"""
OLD = """
static const void *none(unsigned version) { return 0; }
static const char *old(void) { return "1.2.0"; }
static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = {none, old};
const void *OrtGetApiBase(void) { return &base; }
"""


def said(spawn: Spawn, path: Path) -> str:
    """What a process says that tries to load the library at ``path``."""
    child = spawn(LOAD, path)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return output


def compiled(folder: Path, source: str) -> Path:
    """A shared library."""
    made = folder / "libonnxruntime.so.1.2.0"
    code = folder / "library.c"
    code.write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(made), str(code)], check=True)
    return made


def foreign(folder: Path) -> Path:
    """The real library, said to be for another machine."""
    made = Path(shutil.copyfile(library(), folder / "libonnxruntime.so.1"))
    with made.open("r+b") as file:
        file.seek(18)  # e_machine of the ELF header
        machine = int.from_bytes(file.read(2), "little")
        file.seek(18)
        file.write((183 if machine != 183 else 62).to_bytes(2, "little"))
    return made


@pytest.mark.parametrize("kind", ["missing", "no library", "old", "of another machine"])
def test_what_is_no_usable_library_is_named_with_what_is_needed(
    kind: str, tmp_path: Path, spawn: Spawn
) -> None:
    path = tmp_path / "libonnxruntime.so"
    if kind == "no library":
        path.write_bytes(b"not a library")
    elif kind == "old":
        path = compiled(tmp_path, OLD)
    elif kind == "of another machine":
        path = foreign(tmp_path)
    output = said(spawn, path)
    assert f"can't load ONNX Runtime from {path}" in output
    assert "expected a libonnxruntime of version 1.17 or newer" in output
    assert output.count("\n") == 1
