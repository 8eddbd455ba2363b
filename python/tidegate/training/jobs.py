"""What a job that runs in a child process is given, and what it gives back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, TypeAdapter

from tidegate.training.recipes import Recipe
from tidegate.types import Contract, Signature, Value

TOLERANCE = 1e-5
GIB = 1024**3
OUT_OF_MEMORY = (
    "out of memory",
    "cannot allocate memory",
    "failed to allocate memory",
    "memory allocation of",
    "memoryerror",
    "bad_alloc",
    "failed to map segment",
)
"""What a process says that ran out of its address space, in lower case: libc, Rust, C++, Python."""


class Limits(Value):
    """What a job may use."""

    address_space: int = 8 * GIB
    """Bytes."""
    cpu_seconds: int = 3600
    wall_seconds: float = 3600.0


class TrainJob(Value):
    """Train a recipe on a Parquet dataset."""

    kind: Literal["train"] = "train"
    dataset: Path
    recipe: Recipe
    limits: Limits = Limits()


class ProbeJob(Value):
    """Look at a bare ONNX file."""

    kind: Literal["probe"] = "probe"
    onnx: Path
    reference: Path | None = None
    """A Parquet or CSV file with the reference rows."""
    columns: list[str] | None = None
    """The feature names of the model's matrix input, in order."""
    missing: str = ""
    """The string that stands for a missing value in BYTES inputs."""
    threshold: float = 0.5
    allow_loops: bool = False
    """Whether the model may loop for as long as its inputs say."""
    limits: Limits = Limits(address_space=4 * GIB, cpu_seconds=120, wall_seconds=180.0)


class RetrainJob(Value):
    """Choose the rows that a recipe is to be trained on, train it, and compare it with its parent."""

    kind: Literal["retrain"] = "retrain"
    dataset: Path
    """Parquet: the recipe's columns and target, what the parent takes, and the time column."""
    recipe: Recipe
    time_column: str
    """Of type Datetime; null sorts first."""
    change: datetime | None = None
    """Since when things are otherwise; by default since the newest tenth of the rows."""
    parent: Path
    """The ONNX bytes of the version that is to be replaced."""
    parent_contract: Contract
    limits: Limits = Limits()


class Comparison(Value):
    """How far the converted model's answers are from the original's, on rows that neither was fitted on."""

    rows: int
    max_difference: float
    """Largest absolute difference of a probability."""
    labels_differing: int
    """Rows whose labels differ and whose original probability is further than ``tolerance`` from 1/2."""
    ties: int
    """Rows whose labels differ and whose original probability is within ``tolerance`` of 1/2."""
    tolerance: float = TOLERANCE

    @property
    def faithful(self) -> bool:
        """Whether the converted model may stand for the original."""
        return self.max_difference <= self.tolerance and self.labels_differing == 0


class GoldenFigures(Value):
    """What the golden run found."""

    rows: int
    batch_difference: float
    """Largest absolute difference of a floating output between one row at a time and all rows at once."""
    nonfinite: int
    """NaN and infinite values among the floating outputs."""


class TrainResult(Value):
    """What a training run found; the job's folder has ``model.onnx``, ``profile.arrow``, ``golden.json``."""

    kind: Literal["train"] = "train"
    recipe: Recipe
    signature: Signature
    contract: Contract
    metrics: dict[str, float | int | None]
    """Of the converted model on the held-out rows: accuracy, auc, brier, log_loss, rows, positives."""
    conversion: Comparison
    golden: GoldenFigures
    rows: dict[str, int]
    code: dict[str, Any]
    libraries: dict[str, str]


class RetrainResult(Value):
    """What a retraining found; the job's folder has ``dataset.parquet`` and what a training leaves.

    ``trained`` is None when there were too few rows after the change to choose and to judge by.
    """

    kind: Literal["retrain"] = "retrain"
    rows: dict[str, int]
    """``all``, ``since`` the change, ``held_out`` and ``judged`` (the rows of all blocks)."""
    change: datetime | None
    selection: dict[str, Any]
    """As :mod:`tidegate.training.selection` says it; empty without enough rows."""
    comparison: dict[str, Any]
    """As :mod:`tidegate.training.duel` says it; empty without enough rows."""
    trained: TrainResult | None = None


class ProbeResult(Value):
    """What a probe found; the job's folder has ``golden.json`` and, with a reference, ``profile.arrow``."""

    kind: Literal["probe"] = "probe"
    signature: Signature
    contract: Contract
    golden: GoldenFigures
    rows: dict[str, int]


AnyJob = TrainJob | ProbeJob | RetrainJob
AnyResult = TrainResult | ProbeResult | RetrainResult
JOB: TypeAdapter[AnyJob] = TypeAdapter(Annotated[AnyJob, Field(discriminator="kind")])
RESULT: TypeAdapter[AnyResult] = TypeAdapter(Annotated[AnyResult, Field(discriminator="kind")])


class Progress(Value):
    """One step of a job; ``fraction`` is between 0 and 1."""

    stage: str
    fraction: float
    message: str = ""


class Report(Protocol):
    """How a job says where it is."""

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        """Reports the beginning of ``stage``."""
