"""The child process of a job: ``python -m tidegate.training.worker FOLDER``.

Reads ``job.json``, writes ``result.json`` or ``error.json``, and tells its progress as one JSON object a line
on standard output. It limits itself before it reads anything else, and ends when its parent does.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import traceback
from pathlib import Path

from tidegate.errors import InternalError, ModelRefusedError, PreconditionError, TidegateError
from tidegate.training.jobs import (
    GIB,
    JOB,
    OUT_OF_MEMORY,
    AnyJob,
    AnyResult,
    Limits,
    ProbeJob,
    Progress,
    Report,
    RetrainJob,
    TrainJob,
)


def main(arguments: list[str]) -> int:
    """Runs the job in the folder that ``arguments`` name; 0 when ``result.json`` was written."""
    folder = Path(arguments[0])
    report = _progress_lines()
    _end_with_parent()
    job = JOB.validate_json((folder / "job.json").read_bytes())
    _limit(job.limits)
    try:
        result = _run(job, folder, report)
    except BaseException as error:  # a panic in a Rust library is no Exception
        traceback.print_exc()
        _write(folder / "error.json", json.dumps(_describe(error, job)))
        return 1
    _write(folder / "result.json", result.model_dump_json(indent=2))
    report("done", 1.0)
    return 0


def _run(job: AnyJob, folder: Path, report: Report) -> AnyResult:
    if isinstance(job, TrainJob):
        from tidegate.training.train import train

        return train(job, folder, report)
    if isinstance(job, RetrainJob):
        from tidegate.training.retrain import retrain

        return retrain(job, folder, report)
    from tidegate.training.probe import probe

    return probe(job, folder, report)


def _describe(error: BaseException, job: AnyJob) -> dict[str, str]:
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY):
        kind = ModelRefusedError.kind if isinstance(job, ProbeJob) else PreconditionError.kind
        message = f"the job needs more than {job.limits.address_space / GIB:g} GiB of memory"
        return {"kind": kind, "message": message}
    if isinstance(error, ModuleNotFoundError):
        message = f"training needs the module {error.name!r}: pip install 'tidegate[training]'"
        return {"kind": PreconditionError.kind, "message": message}
    if isinstance(error, TidegateError):
        return {"kind": error.kind, "message": str(error)}
    return {"kind": InternalError.kind, "message": f"the worker failed: {type(error).__name__}: {error}"}


def _progress_lines() -> Report:
    """Keeps standard output for progress; what libraries print goes to the log."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def report(stage: str, fraction: float, message: str = "") -> None:
        lines.write(Progress(stage=stage, fraction=fraction, message=message).model_dump_json() + "\n")
        lines.flush()

    return report


def _end_with_parent() -> None:
    """The parent holds the other end of standard input and never writes: its end is the parent's end."""

    def watch() -> None:
        os.read(0, 1)  # not sys.stdin, whose lock would be held when the interpreter ends
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, value in (
        (resource.RLIMIT_AS, limits.address_space),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
    ):
        _, hard = resource.getrlimit(kind)
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (soft, hard))


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
