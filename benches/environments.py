"""The environment of each peer: made once under ``target/bench-venvs``, never the product's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "target" / "bench-venvs"
PEERS = ROOT / "benches" / "peers"
OURS = ("PIP_CONSTRAINT", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")


class MissingPeerError(Exception):
    """A peer that can't be measured here, and why."""


def clean() -> dict[str, str]:
    """Our own environment without what leads to our packages."""
    return {name: value for name, value in os.environ.items() if name not in OURS}


def python(name: str, requirements: Path | None = None) -> Path:
    """The interpreter of a peer's environment, made anew when its requirements have changed."""
    requirements = requirements or PEERS / f"{name}.txt"
    folder = FOLDER / name
    made = folder / "requirements.txt"
    interpreter = folder / "bin" / "python"
    if made.is_file() and made.read_text() == requirements.read_text():
        return interpreter
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(interpreter), "-m", "pip", "install", "--quiet", "-r", str(requirements)])
    made.write_text(requirements.read_text())
    return interpreter


def _run(command: list[str]) -> None:
    done = subprocess.run(command, env=clean(), check=False, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise MissingPeerError(f"not installed: {lines[-1] if lines else command}")
