"""Diversion of traffic: plans and their slots, the evidence from outcomes, and the ladder that they move on."""

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

__all__ = [
    "SLOTS",
    "TOLERANCE",
    "check_fit",
    "check_weights",
    "deployment",
    "draft",
    "following",
]
