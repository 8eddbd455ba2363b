"""Programs of others, and a server for them to try."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ROOT / "target" / "tools"


@pytest.fixture
def tool() -> Callable[[str], str]:
    """``tool(name)``: the path of a program; a missing one fails the test and says how it is had."""

    def find(name: str) -> str:
        found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
        assert found, f"{name} is missing: `make tools-slow` installs it (it needs Go and PyPI)"
        return found

    return find
