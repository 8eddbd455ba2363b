"""The domain's values: what the rooms hand to each other and what the surfaces show as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

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


class Value(BaseModel):
    """An immutable value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """The value as JSON-able data."""
        return self.model_dump(mode="json")


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


class ModelInfo(Value):
    """A named line of versions that answer the same question."""

    name: str
    description: str = ""
    created_at: datetime
    created_by: str


class DatasetInfo(Value):
    """An immutable, content-addressed Parquet set."""

    name: str
    version: int
    digest: str
    rows: int
    columns: dict[str, str]
    """Column name to polars dtype."""
    time_column: str | None = None
    time_from: str | None = None
    time_to: str | None = None
    origin: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime
    created_by: str


class VersionInfo(Value):
    """One version: its digest binds everything that ``manifest`` names."""

    model: str
    version: str
    digest: str
    stage: str = "development"
    manifest: dict[str, Any]
    """What the digest binds, in RFC 8785 form: onnx, signature, contract, profile, dataset, recipe, code,
    metrics, conversion, parent."""
    created_at: datetime
    created_by: str


class EndpointInfo(Value):
    """The name that clients call, with its contract."""

    id: str
    name: str
    model: str
    salt: str
    contract: Contract
    created_at: datetime
    created_by: str


class VariantPlan(Value):
    """One version within an endpoint's plan."""

    version: str
    digest: str
    weight: float
    shadow: bool = False


class TrafficPlan(Value):
    """Who answers an endpoint's requests, since generation ``generation``."""

    endpoint: str
    generation: int
    variants: list[VariantPlan]
    reason: str = ""
    created_at: datetime
    created_by: str


class Publisher(Protocol):
    """Brings a deployment to the scoring processes."""

    def publish(self, deployment: dict[str, Any]) -> None:
        """Makes ``deployment`` the live one, or raises and leaves the old one serving."""
