"""The parent's side of a first loading: starts the confined child, and turns its end into a report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from tidegate.training.environment import environment
from tidegate.training.jobs import GIB, OUT_OF_MEMORY, Limits
from tidegate.types import Contract, Signature, Value

SPARE = 1 * GIB
PER_BYTE = 8
"""A loading may have a gibibyte, and eight times the model's bytes."""
CPU_SECONDS = 10
WALL_SECONDS = 30.0
_LONGEST_WORDS = 500
_KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH")
_SMALL = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Loading(Value):
    """What is to be loaded."""

    onnx: Path
    library: Path
    signature: Signature
    contract: Contract
    profile: Path | None = None
    golden: Path | None = None
    """Rows and the answers that were recorded for them."""
    allow_loops: bool = False
    """Whether the model may loop for as long as its inputs say."""


class LoadReport(Value):
    """What came of the first loading of a version."""

    version: str
    """The digest of the version."""
    onnx: str
    profile: str | None
    tidegate: str
    runtime: str
    """ONNX Runtime's library: its file's name and size."""
    ok: bool
    code: str | None = None
    """Of a refusal: ``PROBE_CRASHED``, ``PROBE_TIMEOUT``, ``PROBE_OOM``, ``NOT_DETERMINISTIC``,
    ``SIGNATURE_DIFFERS``, ``GOLDEN_DIFFERS``, ``LOOP_FORBIDDEN`` or ``LOAD_FAILED``."""
    reason: str | None = None
    runs_on: str | None = None
    """The engine: ``trees`` or ``onnxruntime``."""
    why: str | None = None
    """Why that engine, in words."""
    loops: bool | None = None
    """Whether it loops for as long as its inputs say."""
    load_seconds: float | None = None
    memory_bytes: int | None = None
    """Resident memory that came with loading and running it."""
    row_microseconds: dict[str, float] | None = None
    """Microseconds a row by batch size, as called from Python."""
    golden_rows: int | None = None
    golden_difference: float | None = None
    """Largest distance from the recorded answers, relative above 1; null without recorded answers."""
    nonfinite: int | None = None
    """NaN and infinite values among the answers to the golden rows."""
    confinement: dict[str, Any] | None = None
    probed_at: datetime


def first_loading(task: Loading, limits: Limits | None = None) -> dict[str, Any]:
    """Loads a model in a process of its own and runs it; the fields of a :class:`LoadReport` from ``ok`` on.

    A model that ends that process, or uses up its limits, is refused like one that the loader refuses.
    """
    limits = limits or Limits(
        address_space=SPARE + PER_BYTE * task.onnx.stat().st_size,
        cpu_seconds=CPU_SECONDS,
        wall_seconds=WALL_SECONDS,
    )
    code, output, words, late = _run(task, limits)
    stage, told = _told(output)
    if "report" in told:
        return {"ok": True, **told["report"]}
    if "refused" in told:
        return _refused(str(told["refused"]), str(told.get("reason", ""))[:_LONGEST_WORDS])
    if late:
        return _refused("PROBE_TIMEOUT", f"it took more than {limits.wall_seconds:g} s while {stage}")
    if any(word in words.lower() for word in OUT_OF_MEMORY):
        return _refused("PROBE_OOM", f"it needs more than {limits.address_space / GIB:.1f} GiB while {stage}")
    if -code in {signal.SIGKILL, signal.SIGXCPU}:
        return _refused("PROBE_TIMEOUT", f"it used {limits.cpu_seconds} s of processor time while {stage}")
    how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
    tail = f": {words[-_LONGEST_WORDS:]}" if words else ""
    return _refused("PROBE_CRASHED", f"{how} while {stage}{tail}")


def _refused(
    code: Literal["PROBE_CRASHED", "PROBE_TIMEOUT", "PROBE_OOM"] | str, reason: str
) -> dict[str, Any]:
    return {"ok": False, "code": code, "reason": reason}


def _run(task: Loading, limits: Limits) -> tuple[int, bytes, str, bool]:
    """The child's exit code, what it said, its last words, and whether its time was up."""
    command = [sys.executable, "-P", "-m", "tidegate.training.loading_worker", str(os.getpid())]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd="/", env=environment(_KEPT, _SMALL), stdin=pipe, stdout=pipe, stderr=pipe
    ) as child:
        late = False
        try:
            output, words = child.communicate(_task(task, limits), timeout=limits.wall_seconds)
        except subprocess.TimeoutExpired:
            late = True
            child.kill()
            output, words = child.communicate()
        except BaseException:
            child.kill()
            raise
    return child.returncode, output, " ".join(words.decode("utf-8", "replace").split()), late


def _task(task: Loading, limits: Limits) -> bytes:
    body = {
        "onnx": str(task.onnx.resolve()),
        "library": str(task.library.resolve()),
        "profile": None if task.profile is None else str(task.profile.resolve()),
        "golden": None if task.golden is None else str(task.golden.resolve()),
        "allow_loops": task.allow_loops,
        "signature": task.signature.to_json(),
        "shapes": {spec.name: spec.shape for spec in task.contract.inputs},
        "address_space": limits.address_space,
        "cpu_seconds": limits.cpu_seconds,
    }
    return json.dumps(body).encode()


def _told(output: bytes) -> tuple[str, dict[str, Any]]:
    """The last stage and the last word; lines that are no JSON object are not the child's."""
    stage, told = "starting", {}
    for line in output.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            stage = str(found.get("stage", stage))
            told = found
    return stage, told
