"""Which values a column takes: a grid, few values, or any. A season moves them along it, never off it.

Measured numbers are rounded: whole minutes, tenths of a degree Celsius that somebody turned into Fahrenheit.
The spacing survives every honest drift, and not a change of unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_ROUNDED = 2.0**-23
"""Half a unit of float32, twice: how far a difference of two values can be off, relative to them."""
_COMMON = 0.8
"""The share of the rows, those with the most common values, that a grid is read from."""
_HELD = 0.95
"""The share of the rows that must lie on a grid."""
_SHARE = 5
"""A column with more distinct values than this part of its rows has no support that could be read."""
_NEAR = 0.03
"""How far from a point of the grid a value may be, in steps."""
_POINTS = 200_000
"""Points of a grid between its least and greatest value, at most."""
_FEW = 500
"""Distinct values of a set, at most."""


@dataclass(frozen=True)
class Support:
    """A grid ``origin + k * step``, or, where ``step`` is 0, the values themselves."""

    origin: float
    step: float
    values: Floats

    def holds(self, values: Floats) -> float:
        """The share of ``values`` that it holds; 1 for none."""
        if not len(values):
            return 1.0
        slack = 4 * _ROUNDED * np.maximum(np.abs(values), abs(self.origin))
        if self.step:
            away = values - self.origin
            gap = np.abs(away - self.step * np.round(away / self.step))
            return float((gap <= np.maximum(_NEAR * self.step, slack)).mean())
        place = np.clip(np.searchsorted(self.values, values), 1, len(self.values) - 1)
        gap = np.minimum(np.abs(values - self.values[place - 1]), np.abs(values - self.values[place]))
        return float((gap <= slack).mean())


def support(values: Floats) -> Support | None:
    """The support of a column's values [n]; None when they are too many, or all the same."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < 3 or len(distinct) > len(values) / _SHARE:
        return None
    order = np.argsort(-counts, kind="stable")
    needed = int(np.searchsorted(np.cumsum(counts[order]), _COMMON * len(values))) + 1
    common = np.sort(distinct[order[:needed]])
    grid = Support(float(common[0]), _step(common) if len(common) >= 3 else 0.0, distinct)
    if grid.step and grid.holds(values) >= _HELD:
        return grid
    few = len(distinct) <= min(_FEW, len(values) / (4 * _SHARE))
    return Support(grid.origin, 0.0, distinct) if few else None


def _step(values: Floats) -> float:
    """The largest step on which all of ``values``, sorted, lie; 0 when there is none worth the name."""
    slack = 4 * _ROUNDED * float(np.abs(values).max())
    away = values - values[0]
    step = float(np.diff(values).min())
    for _ in range(64):
        refined, rest = _fitted(away[1:], step, slack)
        if rest == 0.0:
            return refined if away[-1] / refined <= _POINTS and refined > 8 * slack else 0.0
        step = _common_divisor(step, rest, slack)
        if step <= 8 * slack:
            break
    return 0.0


def _fitted(away: Floats, step: float, slack: float) -> tuple[float, float]:
    """The step, sharper with every value that lies on it, and by what the first one that does not is off."""
    doubt = slack
    for value in away.tolist():
        count = round(value / step)
        rest = abs(value - count * step)
        if rest > slack + count * doubt:
            return step, rest
        if count:
            step, doubt = value / count, slack / count
    return step, 0.0


def _common_divisor(larger: float, smaller: float, slack: float) -> float:
    """Euclid's algorithm on numbers that are known up to ``slack``."""
    while smaller > slack:
        larger, smaller = smaller, abs(larger - smaller * round(larger / smaller))
    return larger
