"""Endpoints, who answers them, and what was decided about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tidegate.types.base import Value
from tidegate.types.contracts import Contract


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


class TrafficRule(Value):
    """A header or a column that sends a request to one version before the weights are asked."""

    header: str | None = Field(default=None, pattern=r"^[a-z0-9._-]+$")
    """A header of REST or a metadata key of gRPC, in lower case."""
    column: str | None = None
    """A context column or a feature, equal in all rows of a request."""
    equals: str
    """The value; integers in decimal."""
    version: str

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.header is None) == (self.column is None):
            raise ValueError("a rule looks at either a header or a column")
        return self


class ColumnMask(Value):
    """A column that is not logged as it is."""

    column: str
    how: Literal["drop", "hash", "truncate"]
    length: int | None = Field(default=None, ge=1)
    """The characters that ``truncate`` keeps."""


class LogPolicy(Value):
    """What of an endpoint's predictions is logged, and for how long."""

    sample: float = Field(default=1.0, gt=0.0, le=1.0)
    """The share of requests, chosen by the hash of the prediction id."""
    mask: list[ColumnMask] = Field(default_factory=list)
    retain_days: float | None = Field(default=None, gt=0.0)
    retain_bytes: int | None = Field(default=None, ge=1)

    def scored(self) -> dict[str, Any]:
        """What the scoring process needs to know of it."""
        masks = [
            {name: value for name, value in mask.to_json().items() if value is not None} for mask in self.mask
        ]
        return {"sample": self.sample, "mask": masks}


class TrafficPlan(Value):
    """Who answers an endpoint's requests, since generation ``generation``."""

    endpoint: str
    generation: int
    variants: list[VariantPlan]
    rules: list[TrafficRule] = Field(default_factory=list)
    reason: str = ""
    created_at: datetime
    created_by: str


class PlanDraft(Value):
    """The traffic plan that a new deployment gives to one endpoint."""

    endpoint: str
    variants: list[VariantPlan]
    slots: int = 10_000
    rules: list[TrafficRule] = Field(default_factory=list)
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
