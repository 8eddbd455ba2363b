"""The Makefile says which tool is missing before it does anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("cargo", "cc", "python3")
NEEDED = ("make", "bash", "sh", "find", "dirname", *TOOLS)


@pytest.mark.parametrize("missing", TOOLS)
def test_a_missing_tool_is_named(missing: str, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in NEEDED:
        if name != missing:
            (tools / name).symlink_to(shutil.which(name) or pytest.fail(f"{name} is not here"))
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("Makefile", "constraints.txt", "pyproject.toml", "Cargo.toml", "Cargo.lock"):
        shutil.copy(ROOT / name, clone)
    for name in ("rust", "proto"):
        (clone / name).mkdir()
    done = subprocess.run(
        [tools / "make", "build"],
        cwd=clone,
        env={"PATH": str(tools), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"error: {missing} is missing" in done.stderr
    assert not (clone / ".venv").exists()
