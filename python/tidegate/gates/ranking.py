"""The best of those that pass: an order of versions by one metric, from evidence that is passed in."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.gates.judging import BLIND, Evidence, is_number, newest_blind
from tidegate.types import Value, Verdict

_LOWER_IS_BETTER = frozenset({"brier", "log_loss", "mae", "rmse", "error_rate"})


class Candidate(Value):
    """A version that could make a move: its figure, what its gates say, or why it can't."""

    version: str
    digest: str
    stage: str
    value: float | None
    verdicts: tuple[Verdict, ...] = ()
    """Of the move's gates but approval, which says nothing of the version itself."""
    says: str = ""
    """Why it does not go on; empty for one that may."""


def figure(by: str, evidence: Evidence) -> float | None:
    """The metric of the manifest, or for ``blind.<name>`` of the newest blind set; None without one."""
    if by.startswith(BLIND):
        newest = newest_blind(evidence)
        value = None if newest is None else newest.figures.get(by.removeprefix(BLIND))
    else:
        value = evidence.metrics.get(by)
    return float(value) if is_number(value) else None


def ranked(candidates: Iterable[Candidate], by: str) -> list[Candidate]:
    """Those that may go on, best first; of equals the one that came first."""
    sign = 1.0 if by.removeprefix(BLIND) in _LOWER_IS_BETTER else -1.0
    passing = [(found.value, found) for found in candidates if not found.says and found.value is not None]
    return [found for _, found in sorted(passing, key=lambda each: sign * each[0])]
