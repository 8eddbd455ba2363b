"""The real ONNX Runtime behind one that crashes or waits at will; see ``misbehaving_ort.c``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.servers import DATA

from tidegate.serving import library


def misbehaving(folder: Path, marker: Path) -> Path:
    """Builds it in ``folder``, for the file ``marker``; the library."""
    real, made = library().resolve(), folder / "libonnxruntime.so.9"
    names = [f'-DREAL="{real}"', f'-DMARKER="{marker}"', "-D_GNU_SOURCE"]
    command = ["cc", "-shared", "-fPIC", "-O1", *names, "-o", str(made), str(DATA / "misbehaving_ort.c")]
    subprocess.run([*command, "-ldl"], check=True)
    return made
