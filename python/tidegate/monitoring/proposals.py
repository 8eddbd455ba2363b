"""When drift is reason enough to propose a retraining."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.monitoring.alarms import LARGE, is_open

NOTE = "drift alone never retrains automatically"
"""What every proposal carries: a person, or a policy that looks at more than drift, decides."""


def proposes_retraining(verdict: Mapping[str, Any], performance_break: bool = False) -> bool:
    """Whether a stream's alarm proposes to retrain the version.

    It does when the stream is in alarm, by its last check or by an incident that is still open, and the shift
    is moderate or major, or the version's realised performance is in alarm too. A proposal is no order:
    :data:`NOTE`.

    Args:
        verdict: of :func:`tidegate.monitoring.alarms.alarms`, or the one kept with an alarm on record.
        performance_break: whether the labelled rows say that performance broke.

    """
    alarming = verdict["evidence"] == "ALARM" or is_open(verdict)
    return alarming and (performance_break or verdict["magnitude"] in LARGE)
