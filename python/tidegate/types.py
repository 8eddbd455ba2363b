"""The domain's values: what the rooms hand to each other and what the surfaces show as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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


Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC; tests inject their own."""


def utc_now() -> datetime:
    """The time now, in UTC: the clock that is used where none is injected."""
    return datetime.now(UTC)


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
    description: str = ""
    manifest: dict[str, Any]
    """What the digest binds, in RFC 8785 form: format, model, onnx, signature, contract, profile, dataset,
    recipe, code, metrics, conversion, parent."""
    created_at: datetime
    created_by: str


GATE = r"^(conversion|approval|[A-Za-z_][A-Za-z0-9_.]* (>=|<=) -?[0-9]+(\.[0-9]+)?)$"
"""A gate as settings write it: ``conversion``, ``approval``, or a metric's bound such as ``auc >= 0.6``."""


class Move(Value):
    """A move of a version between two stages, with the gates that it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: str = Field(validation_alias="from")
    to: str
    gates: tuple[Annotated[str, StringConstraints(pattern=GATE)], ...] = ()


class Rule(Value):
    """What a move was judged by; kept with its verdicts, so that they can be given again."""

    gates: tuple[str, ...]
    approvers: tuple[str, ...]
    """The roles whose approval counts."""
    conversion_tolerance: float
    require_metrics: bool


class Approval(Value):
    """Somebody's yes to a version's digest in a stage, with the roles that they had when they gave it."""

    id: int
    digest: str
    stage: str
    reason: str = ""
    roles: tuple[str, ...]
    created_at: datetime
    created_by: str


class Verdict(Value):
    """What a gate says of a version's digest, and the figures that it says it by."""

    gate: str
    digest: str
    passed: bool
    figures: dict[str, Any]
    says: str


class Promotion(Value):
    """A move that was made."""

    id: int
    digest: str
    from_stage: str
    to_stage: str
    rule: Rule
    verdicts: tuple[Verdict, ...]
    reason: str = ""
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
    mirror: bool = False
    """Whether it is also scored on what others answer."""


class TrafficPlan(Value):
    """Who answers an endpoint's requests, since generation ``generation``."""

    endpoint: str
    generation: int
    variants: list[VariantPlan]
    reason: str = ""
    created_at: datetime
    created_by: str


class PlanDraft(Value):
    """The traffic plan that a new deployment gives to one endpoint."""

    endpoint: str
    variants: list[VariantPlan]
    slots: int = 10_000
    stacks: Any = None
    """The slots of each answering variant in the order they were given, for the next reassignment."""


class DeploymentInfo(Value):
    """One immutable snapshot of all endpoints, plans and variants."""

    generation: int
    digest: str
    reason: str = ""
    created_at: datetime
    created_by: str


class PolicyInfo(Value):
    """How an endpoint's traffic is steered; the newest of an endpoint holds."""

    id: int
    endpoint: str
    body: dict[str, Any]
    """As :mod:`tidegate.rollout` reads it."""
    reason: str = ""
    created_at: datetime
    created_by: str


class Decision(Value):
    """What was decided about an endpoint's traffic, with everything that it rests on."""

    id: int
    endpoint: str
    at: datetime
    """The event time up to which was looked."""
    rule: str
    action: str
    says: str
    """In words."""
    body: dict[str, Any]
    generation: int | None = None
    """The deployment that it made; None when traffic stayed as it was."""
    created_at: datetime
    created_by: str


class AlarmInfo(Value):
    """A drift alarm of one stream of a version on an endpoint."""

    id: int
    endpoint: str
    variant: str
    """The version's digest."""
    version: str
    shadow: bool
    role: str
    feature: str
    stream: str
    began: datetime
    """When the change began, by event time."""
    alarmed_at: datetime
    ended_at: datetime | None = None
    verdict: dict[str, Any]
    """As :func:`tidegate.monitoring.alarms.alarms` gave it."""
    created_at: datetime
    created_by: str


class RetrainingInfo(Value):
    """A retraining: what it was made for, what was tried, and what came of it."""

    id: int
    endpoint: str
    alarm: int | None = None
    parent: str
    """The digest of the version that was to be replaced."""
    outcome: Literal["better", "not_better", "fix_data", "too_few_labels"]
    version: str | None = None
    """The digest of the new version."""
    dataset: str | None = None
    says: str
    body: dict[str, Any]
    created_at: datetime
    created_by: str


class BlindSet(Value):
    """A sealed set: rows and labels that only the validator's key opens."""

    name: str
    model: str
    artifact: str
    """The digest of the encrypted bytes."""
    budget: int
    """How many versions may be judged by it."""
    description: str = ""
    created_at: datetime
    created_by: str


class BlindResult(Value):
    """What a sealed set said of a version: aggregates, and how the worker was confined."""

    id: int
    blind_set: str
    digest: str
    figures: dict[str, Any]
    confinement: dict[str, Any]
    created_at: datetime
    created_by: str


class SegmentInfo(Value):
    """A sealed spool file: what it holds and the sha256 that its bytes must have."""

    path: str
    """Relative to the home."""
    kind: Literal["predictions", "labels", "drift"]
    endpoint: str
    sha256: str
    rows: int
    time_from: str | None = None
    time_to: str | None = None
    created_at: datetime


class KeyInfo(Value):
    """An API key without its secret."""

    id: str
    principal: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Edge(Value):
    """An arrow of the lineage: ``subject`` was made from, by or after ``object``."""

    subject: str
    """``kind:identity``, such as ``version:sha256:ab…``."""
    relation: str
    object: str
    detail: dict[str, Any] = Field(default_factory=dict)


class Recorder(Protocol):
    """Writes audit entries; implemented by :class:`tidegate.audit.Audit`."""

    def append(
        self, actor: str, action: str, subject: str, detail: Mapping[str, Any], reason: str = ""
    ) -> None:
        """Adds an entry to the open transaction: it is there if and only if what it tells of is."""


class EdgeWriter(Protocol):
    """Writes lineage; implemented by :class:`tidegate.lineage.Lineage`."""

    def link(self, edges: Iterable[Edge]) -> None:
        """Adds edges to the open transaction."""


class Publisher(Protocol):
    """Brings a deployment to the scoring processes."""

    def publish(self, deployment: dict[str, Any]) -> None:
        """Makes ``deployment`` the live one, or raises and leaves the old one serving."""
