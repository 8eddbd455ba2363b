"""Endpoints, who answers them, and what was decided about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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
