"""What was found about versions: drift alarms, retrainings, verdicts of sealed sets."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from tidegate.types.base import Value


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
