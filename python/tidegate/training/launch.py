"""The parent's side of a job: starts the child, follows it, turns its end into a result or an error."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import overload

from tidegate.errors import InternalError, ModelRefusedError, PreconditionError, TidegateError, by_kind
from tidegate.training.environment import environment
from tidegate.training.jobs import (
    GIB,
    OUT_OF_MEMORY,
    RESULT,
    AnyJob,
    AnyResult,
    ProbeJob,
    ProbeResult,
    Progress,
    RetrainJob,
    RetrainResult,
    TrainJob,
    TrainResult,
)

_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
_FIXED = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0"}
"""OpenMP threads that spin for each other stand still on a busy machine."""


@overload
def run_job(
    job: TrainJob, folder: Path, on_progress: Callable[[Progress], None] | None = None
) -> TrainResult: ...
@overload
def run_job(
    job: ProbeJob, folder: Path, on_progress: Callable[[Progress], None] | None = None
) -> ProbeResult: ...
@overload
def run_job(
    job: RetrainJob, folder: Path, on_progress: Callable[[Progress], None] | None = None
) -> RetrainResult: ...
def run_job(job: AnyJob, folder: Path, on_progress: Callable[[Progress], None] | None = None) -> AnyResult:
    """Runs a job in a child process and waits for it.

    Args:
        job: what to do.
        folder: where ``job.json``, ``worker.log`` and the results go; made when absent.
        on_progress: called for each step; what it raises ends the child and comes out of here.

    Raises:
        TidegateError: what the worker raised, of the class that it raised there.
        ModelRefusedError: a probed model that crashed the worker or used up its limits.
        PreconditionError: a training that used up its limits.
        InternalError: the worker died otherwise; the message ends with its last words.

    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("result.json", "error.json"):
        (folder / name).unlink(missing_ok=True)
    (folder / "job.json").write_text(_absolute(job).model_dump_json(indent=2), encoding="utf-8")
    code, last, late = _run(job, folder, on_progress)
    if code == 0 and (folder / "result.json").exists():
        return RESULT.validate_json((folder / "result.json").read_bytes())
    raise _failure(job, folder, code, last, late=late)


def _absolute(job: AnyJob) -> AnyJob:
    if job.kind == "train":
        return job.model_copy(update={"dataset": job.dataset.resolve()})
    if job.kind == "retrain":
        return job.model_copy(update={"dataset": job.dataset.resolve(), "parent": job.parent.resolve()})
    reference = job.reference.resolve() if job.reference else None
    return job.model_copy(update={"onnx": job.onnx.resolve(), "reference": reference})


def _run(job: AnyJob, folder: Path, on_progress: Callable[[Progress], None] | None) -> tuple[int, str, bool]:
    """The child's exit code, its last stage, and whether its time was up."""
    late = threading.Event()
    last = "starting"
    command = [sys.executable, "-P", "-m", "tidegate.training.worker", str(folder)]
    with (
        (folder / "worker.log").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment(_KEPT, _FIXED),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as child,
    ):

        def time_is_up() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(job.limits.wall_seconds, time_is_up)
        timer.daemon = True
        timer.start()
        try:
            for line in child.stdout or ():
                progress = Progress.model_validate_json(line)
                last = progress.stage
                if on_progress is not None:
                    on_progress(progress)
            code = child.wait()
        except BaseException:
            child.kill()
            raise
        finally:
            timer.cancel()
    return code, last, late.is_set()


def _failure(job: AnyJob, folder: Path, code: int, last: str, *, late: bool) -> TidegateError:
    with contextlib.suppress(OSError, ValueError, KeyError):
        error = json.loads((folder / "error.json").read_text(encoding="utf-8"))
        return by_kind().get(error["kind"], InternalError)(error["message"])
    over = ModelRefusedError if job.kind == "probe" else PreconditionError
    if late:
        return over(
            f"the {job.kind} job was ended while {last}: it took more than {job.limits.wall_seconds:g} s"
        )
    tail = _tail(folder / "worker.log")
    if code == -signal.SIGXCPU:
        return over(
            f"the {job.kind} job was ended while {last}: it used {job.limits.cpu_seconds} s of processor time"
        )
    if any(words in tail.lower() for words in OUT_OF_MEMORY):
        return over(f"the {job.kind} job needs more than {job.limits.address_space / GIB:g} GiB while {last}")
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    message = f"the {job.kind} worker {how} while {last}" + (f"; its last words: {tail}" if tail else "")
    crashed = job.kind == "probe" and -code in {
        signal.SIGSEGV,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGILL,
        signal.SIGFPE,
    }
    return ModelRefusedError(message) if crashed else InternalError(message)


def _tail(path: Path, size: int = 400) -> str:
    try:
        return " ".join(path.read_bytes()[-size:].decode("utf-8", "replace").split())
    except OSError:
        return ""
