"""Moves of versions between stages: what they need, who said yes, what the gates said."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from tidegate.types.base import Value

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
