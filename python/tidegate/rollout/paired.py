"""Evidence from rows that two versions have both scored: bets on the mean difference of their losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tidegate.rollout.evidence import ln_mean
from tidegate.types import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BETS = (0.1, 0.25, 0.5, 0.75, 0.95)
"""Shares of the largest bet that can't be lost whole."""
Logs = tuple[float, float, float, float, float]
_NOTHING: Logs = (0.0, 0.0, 0.0, 0.0, 0.0)


def ln_bets(differences: NDArray[np.float64], mean: float) -> Logs:
    """Per bet, the log of what it became over ``differences`` [keys] in [-1, 1], if they are above ``mean``.

    A bet lambda multiplies by 1 + lambda (d - mean), lambda = share / (1 + mean), which is never below
    1 - 0.95 and has an expectation of at most 1 while E[d | past] <= mean (Waudby-Smith and Ramdas 2024).
    """
    import numpy as np

    room = 1.0 + mean
    sums = [math.fsum(np.log1p(share / room * (differences - mean)).tolist()) for share in BETS]
    return (sums[0], sums[1], sums[2], sums[3], sums[4])


class Pairs(Value):
    """A challenger against the champion on the same rows; ``d`` is the champion's loss less the challenger's.

    One ``d`` per routing key, the mean over its rows. ``ni``: more than -eps; ``sup``: more than g;
    ``harm``: less than -eps, each as the five logs of :func:`ln_bets`. Pairs of different keys add up.
    """

    keys: int = 0
    sum_d: float = 0.0
    sum_d2: float = 0.0
    ni: Logs = _NOTHING
    sup: Logs = _NOTHING
    harm: Logs = _NOTHING

    @classmethod
    def of(cls, d: NDArray[np.float64], eps: float, g: float) -> Pairs:
        """The pairs of one pane: ``d`` [keys], in [-1, 1]."""
        return cls(
            keys=len(d),
            sum_d=math.fsum(d.tolist()),
            sum_d2=math.fsum((d * d).tolist()),
            ni=ln_bets(d, -eps),
            sup=ln_bets(d, g),
            harm=ln_bets(-d, eps),
        )

    def add(self, other: Pairs) -> Pairs:
        """Both together."""
        return Pairs(
            keys=self.keys + other.keys,
            sum_d=self.sum_d + other.sum_d,
            sum_d2=self.sum_d2 + other.sum_d2,
            ni=_plus(self.ni, other.ni),
            sup=_plus(self.sup, other.sup),
            harm=_plus(self.harm, other.harm),
        )

    @property
    def ln_ni(self) -> float:
        """Evidence that the challenger is not worse by eps."""
        return ln_mean(self.ni)

    @property
    def ln_sup(self) -> float:
        """Evidence that it is better by g."""
        return ln_mean(self.sup)

    @property
    def ln_harm(self) -> float:
        """Evidence that it is worse by eps."""
        return ln_mean(self.harm)


def _plus(one: Logs, other: Logs) -> Logs:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3], one[4] + other[4])
