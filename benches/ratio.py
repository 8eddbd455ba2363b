"""Several ways of doing the same, in turn, and the ratios of their figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
    met: bool | None
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file of results."""
        return asdict(self)


def interleaved(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """The figures of ``rounds`` rounds, each measuring both; who is first changes from round to round."""
    figures = in_turn({"ours": ours, "theirs": theirs}, rounds)
    return figures["ours"], figures["theirs"]


def in_turn(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The figures of every side in ``rounds`` rounds; the order turns around from round to round."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            figures[name].append(sides[name]())
    return figures


def compare(
    name: str,
    unit: str,
    figures: tuple[Sequence[float], Sequence[float]],
    *,
    theirs_name: str,
    at_most: float | None = None,
    at_least: float | None = None,
    details: dict[str, Any] | None = None,
) -> Result:
    """The result of a comparison, judged by the median ratio of its rounds; without a bar it is only told."""
    ratios = [ours / theirs for ours, theirs in zip(*figures, strict=True)]
    ratio = statistics.median(ratios)
    return Result(
        name=name,
        unit=unit,
        ours=statistics.median(figures[0]),
        theirs=statistics.median(figures[1]),
        theirs_name=theirs_name,
        ratio=ratio,
        ratio_low=min(ratios),
        ratio_high=max(ratios),
        target=bar(at_most, at_least, "x"),
        met=judged(ratio, at_most, at_least),
        details=details or {},
    )


def value(
    name: str,
    unit: str,
    figures: Sequence[float],
    *,
    at_most: float | None = None,
    details: dict[str, Any] | None = None,
) -> Result:
    """A figure of ours that is measured against nothing but its bar, with its spread."""
    middle = statistics.median(figures)
    return Result(
        name=name,
        unit=unit,
        ours=middle,
        theirs=math.nan,
        theirs_name="",
        ratio=math.nan,
        ratio_low=min(figures),
        ratio_high=max(figures),
        target=bar(at_most, None, f" {unit}"),
        met=judged(middle, at_most, None),
        details=details or {},
    )


def bar(at_most: float | None, at_least: float | None, unit: str) -> str:
    """A bar in words."""
    if at_most is not None:
        return f"at most {at_most:g}{unit}"
    return "" if at_least is None else f"at least {at_least:g}{unit}"


def judged(value: float, at_most: float | None, at_least: float | None) -> bool | None:
    """Whether a value meets its bar; None without one."""
    if at_most is not None:
        return value <= at_most
    return None if at_least is None else value >= at_least


def missing(name: str, theirs_name: str, reason: str) -> Result:
    """A comparison that could not be made, and why."""
    nan = math.nan
    return Result(name, "", nan, nan, theirs_name, nan, nan, nan, "", None, {"missing": reason})
