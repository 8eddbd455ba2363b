"""What models take and give, and what the clients of an endpoint send and get."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tidegate.types.base import Value

DataType = Literal[
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
]
"""Element types by the names of the Open Inference Protocol v2."""


class TensorSpec(Value):
    """A named tensor of a graph; -1 in ``shape`` is variable, the first dimension counts rows."""

    name: str
    datatype: DataType
    shape: list[int]


class Signature(Value):
    """The inputs and outputs of a model, in graph order."""

    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


class InputSpec(Value):
    """An endpoint's input: one column (``[-1]`` or ``[-1, 1]``) or a matrix of features (``[-1, k]``)."""

    name: str
    datatype: DataType
    shape: list[int]
    columns: list[str]
    missing: str | None = None
    """The string that stands for a missing value of a BYTES column; without it null is refused."""


class ContextSpec(Value):
    """A column that is accepted and logged and never fed to a model."""

    name: str
    datatype: DataType
    role: Literal["key", "segment", "log"] = "log"


class ScoreSpec(Value):
    """Where a row's score is found: a column of a floating output."""

    output: str
    column: int = 0


class Contract(Value):
    """What the clients of an endpoint send and get, whichever version answers."""

    inputs: list[InputSpec]
    context: list[ContextSpec] = Field(default_factory=list)
    outputs: list[TensorSpec]
    score: ScoreSpec | None = None
    threshold: float = 0.5
