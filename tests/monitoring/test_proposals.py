"""When an alarm proposes a retraining."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.monitoring.proposals import NOTE, proposes_retraining


def verdict(
    evidence: str, magnitude: str | None, *, opened: bool = False, ended: bool = False
) -> dict[str, Any]:
    return {
        "evidence": evidence,
        "magnitude": magnitude,
        "alarmed_at": "2013-03-02T00:00:00+00:00" if opened else None,
        "ended_at": "2013-03-03T00:00:00+00:00" if ended else None,
    }


@pytest.mark.parametrize("magnitude", ["negligible", "small", "moderate", "major", None])
@pytest.mark.parametrize("broken", [False, True])
def test_an_alarm_with_a_large_shift_or_a_break_of_performance(magnitude: str | None, broken: bool) -> None:
    expected = broken or magnitude in {"moderate", "major"}
    assert proposes_retraining(verdict("ALARM", magnitude, opened=True), broken) is expected
    assert proposes_retraining(verdict("NONE", magnitude, opened=True), broken) is expected
    for silent in (
        verdict("WARN", magnitude),
        verdict("NONE", magnitude),
        verdict("NONE", magnitude, opened=True, ended=True),
    ):
        assert proposes_retraining(silent, broken) is False


def test_what_every_proposal_carries() -> None:
    assert NOTE == "drift alone never retrains automatically"
