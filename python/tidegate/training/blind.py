"""The parent's side of a blind judgement: starts the confined worker and lets nothing but aggregates out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError

from tidegate.errors import InternalError, InvalidInputError, PreconditionError
from tidegate.training.environment import environment
from tidegate.training.jobs import GIB, Limits
from tidegate.types import Contract, Value

_LONGEST_ANSWER = 1 << 14
_KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

Name = Literal["confinement", "identity", "rows", "column", "failed"]
FAILED = "the version does not give a probability for every row of the set within the worker's limits"


class Task(Value):
    """What the worker is given on its standard input."""

    sealed: str
    """The path of the sealed rows."""
    onnx: str
    contract: Contract
    identity: str
    limits: Limits


class Problem(Exception):  # noqa: N818 -- no error of ours: it never leaves this room
    """Why a worker gave no figures, by a name out of a fixed list: free words could hold rows."""

    def __init__(self, name: Name, index: int | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.index = index
        """Of the contract's column that the set lacks."""

    def to_json(self) -> dict[str, Any]:
        """As it travels."""
        return {"problem": self.name, "index": self.index}


Share = Annotated[float, Field(ge=0, le=1)]


class BlindFigures(Value):
    """The aggregates, rounded: rows to tens, all else to three decimals."""

    rows: int = Field(ge=1, le=100_000_000)
    positive_rate: Share
    auc: Share
    brier: Share
    log_loss: float = Field(ge=0, le=100)
    accuracy: Share

    def rounded(self) -> BlindFigures:
        """As they may be shown."""
        values = {name: round(value, 3) for name, value in self.model_dump().items()}
        return BlindFigures.model_validate(values | {"rows": round(self.rows, -1)})


class Judgement(Value):
    """What came of it: figures, or None when the version failed on the open set; and what confined it."""

    figures: BlindFigures | None
    confinement: dict[str, bool | int]


def judge_blind(
    sealed: Path,
    onnx: Path,
    contract: Contract,
    identity: str,
    limits: Limits = Limits(address_space=4 * GIB, cpu_seconds=120, wall_seconds=180.0),  # noqa: B008 -- frozen
) -> Judgement:
    """Judges the graph ``onnx`` by the sealed rows, in a process that can answer and do nothing else.

    What the worker says beyond its fixed answers is thrown away, so that no error carries a row's value.

    Raises:
        InvalidInputError: the identity does not open the set, its rows are none, or lack a column.
        PreconditionError: the contract has no score, or this machine can't confine the worker.
        InternalError: the worker ended before it had opened the set.

    """
    if contract.score is None:
        raise PreconditionError("the version's contract names no score, so nothing of it can be judged")
    task = Task(
        sealed=str(sealed.resolve()),
        onnx=str(onnx.resolve()),
        contract=contract,
        identity=identity,
        limits=limits,
    )
    said = _answers(_run(task))
    if said.get("problem") in get_args(Name) and said["problem"] != "failed":
        raise _refusal(said, contract)
    if not said.get("scoring"):
        raise InternalError("the worker of the blind set ended before it had opened the set")
    return Judgement(figures=_figures(said.get("figures")), confinement=said["confinement"])


def _run(task: Task) -> bytes:
    """The worker's standard output, at most what an answer may have."""
    command = [sys.executable, "-P", "-m", "tidegate.training.blind_worker", str(os.getpid())]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        command,
        cwd="/",
        env=environment(_KEPT, _ONE_THREAD),
        stdin=pipe,
        stdout=pipe,
        stderr=nothing,
        bufsize=0,
    ) as child:
        timer = threading.Timer(task.limits.wall_seconds, child.kill)
        timer.daemon = True
        timer.start()
        try:
            return _talk(child, task.model_dump_json().encode())
        finally:
            timer.cancel()
            child.kill()


def _talk(child: subprocess.Popen[bytes], task: bytes) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise InternalError("the worker of the blind set has no pipes")
    try:
        with child.stdin as pipe:
            pipe.write(task)
    except BrokenPipeError:
        return b""
    answer = b""
    while len(answer) < _LONGEST_ANSWER and (piece := child.stdout.read(_LONGEST_ANSWER)):
        answer += piece
    return answer


def _answers(output: bytes) -> dict[str, Any]:
    """The lines that are JSON objects, as one; the first word on a matter counts."""
    said: dict[str, Any] = {}
    for line in output.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            break
        if not isinstance(found, dict):
            break
        said = found | said
    return said


def _figures(found: Any) -> BlindFigures | None:
    try:
        return BlindFigures.model_validate(found).rounded()
    except ValidationError:
        return None


def _refusal(said: dict[str, Any], contract: Contract) -> Exception:
    columns = [column for spec in contract.inputs for column in spec.columns]
    index = said.get("index")
    if said["problem"] == "column" and isinstance(index, int) and 0 <= index < len(columns):
        return InvalidInputError(f"the blind set has no column {columns[index]!r}, which the version takes")
    if said["problem"] == "confinement":
        return PreconditionError(
            "this machine can't confine the worker (seccomp and limits), so the set stays closed"
        )
    if said["problem"] == "identity":
        return InvalidInputError(
            "the identity does not open the blind set; expected the one it was sealed to"
        )
    return InvalidInputError(
        "the blind set holds no rows as tidegate blind seal writes them; seal them again and add a new set"
    )
