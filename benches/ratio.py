"""Two ways of doing the same, in turn, and the ratio of their figures."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """A comparison; the ratio is ours over theirs, its spread over the rounds."""

    name: str
    unit: str
    ours: float
    theirs: float
    theirs_name: str
    ratio: float
    ratio_low: float
    ratio_high: float
    target: str
    met: bool
    details: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file of results."""
        return asdict(self)


def interleaved(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """The figures of ``rounds`` rounds, each measuring both; who is first changes from round to round."""
    figures: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = ((0, ours), (1, theirs)) if number % 2 == 0 else ((1, theirs), (0, ours))
        for side, measure in order:
            figures[side].append(measure())
    return figures


def compare(
    name: str,
    unit: str,
    figures: tuple[list[float], list[float]],
    *,
    theirs_name: str,
    at_most: float | None = None,
    at_least: float | None = None,
    details: dict[str, Any] | None = None,
) -> Result:
    """The result of a comparison, judged by the median ratio of its rounds."""
    ratios = [ours / theirs for ours, theirs in zip(*figures, strict=True)]
    ratio = statistics.median(ratios)
    if at_most is not None:
        target, met = f"at most {at_most:g}x", ratio <= at_most
    else:
        target, met = f"at least {at_least:g}x", at_least is None or ratio >= at_least
    return Result(
        name=name,
        unit=unit,
        ours=statistics.median(figures[0]),
        theirs=statistics.median(figures[1]),
        theirs_name=theirs_name,
        ratio=ratio,
        ratio_low=min(ratios),
        ratio_high=max(ratios),
        target=target,
        met=met,
        details=details or {},
    )
