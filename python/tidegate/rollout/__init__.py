"""Diversion of traffic: plans and their slots, evidence from outcomes, and the ladder that versions climb."""

from __future__ import annotations

from tidegate.rollout.plans import (
    SLOTS,
    TOLERANCE,
    check_fit,
    check_weights,
    deployment,
    draft,
    following,
)
from tidegate.rollout.policy import Floor, Guards, Policy
from tidegate.rollout.recheck import recheck

__all__ = [
    "SLOTS",
    "TOLERANCE",
    "Floor",
    "Guards",
    "Policy",
    "check_fit",
    "check_weights",
    "deployment",
    "draft",
    "following",
    "recheck",
]
