"""Our timer of engines in ``benches/kernels``, and the five families of models that it is given."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benches.boosting import FEATURES
from benches.environments import ROOT, clean, python
from tidegate.serving.runtime import library

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MODELS = ROOT / "target" / "benches" / "families"
FAMILIES = 5
ONNXRUNTIME, TREES = "onnxruntime", "trees"
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Timer:
    """The built program."""

    program: Path

    @classmethod
    def build(cls) -> Timer:
        """Builds it if it must be."""
        command = ["cargo", "build", "--quiet", "--locked", "--release", "-p", "tidegate-kernels"]
        subprocess.run(command, cwd=ROOT, check=True)
        return cls(TARGET / "release" / "tidegate-kernels")

    def time(
        self, model: Path, rows: Path, batch: int, *kernels: str, seconds: float, rounds: float
    ) -> Times:
        """Nanoseconds a row of each engine, round by round; the engines take turns."""
        plan = {
            "model": str(model),
            "library": str(library()),
            "rows": str(rows),
            "width": FEATURES,
            "batch": batch,
            "seconds": seconds,
            "rounds": rounds,
            "kernels": kernels,
        }
        command = [str(self.program), json.dumps(plan)]
        environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(f"the timer failed on {model.stem}: {done.stderr.strip()}")
        found: Times = json.loads(done.stdout)
        return found


def families() -> list[Path]:
    """The models, trained once."""
    if len(list(MODELS.glob("*.onnx"))) != FAMILIES:
        command = [
            str(python("families", ROOT / "benches" / "families.txt")),
            "-m",
            "benches.families",
            str(MODELS),
        ]
        environment = clean() | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return sorted(MODELS.glob("*.onnx"))


def rows_with_gaps(path: Path, count: int) -> Path:
    """Normal rows of which one value in twenty is missing."""
    rng = np.random.default_rng(1)
    rows: NDArray[np.float32] = rng.normal(size=(count, FEATURES)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.05] = np.nan
    path.write_bytes(rows.tobytes())
    return path
