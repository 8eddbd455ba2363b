"""The floor: whether the champion's mean loss rose above what the policy allows, and about when."""

from __future__ import annotations

import math

from tidegate.rollout.evidence import GRID, LN_LIMIT, ln_mean, log_sum_exp
from tidegate.types import Value

WINDOWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Trailing windows that are looked at, in panes; ``STATISTICS`` 4.4."""
CHECKS = 1000
ALPHA = 0.01
LN_ALARM = math.log(CHECKS / ALPHA)
"""A break: any false one within :data:`CHECKS` panes has a chance of at most :data:`ALPHA`."""


class Mark(Value):
    """What one check of the floor said."""

    ln_m: float
    window: int
    """Panes of the window with most evidence; the loss rose about that long ago."""
    loss: float
    """The mean loss in that window."""


class FloorWatch(Value):
    """The panes that the floor looks back on: per pane the champion's labelled keys and their summed loss.

    Keys are averaged within a pane; outcomes of one key in different panes count as independent.
    """

    panes: tuple[tuple[int, float], ...] = ()
    broken: bool = False

    def add(self, keys: int, loss: float, threshold: float) -> tuple[FloorWatch, Mark]:
        """One more pane of ``keys`` labelled keys (at least 1) with losses in [0, 1] that sum to ``loss``.

        The null of a window is that the mean loss was at most ``threshold`` in each of its panes. The
        e-values of the windows, 0 for those that are not full yet, are averaged: each check's average has an
        expectation of at most 1.
        """
        panes = (*self.panes, (keys, loss))[-WINDOWS[-1] :]
        found: list[tuple[float, int, float]] = []
        n, y, length = 0, 0.0, 0
        for count, total in reversed(panes):
            n, y, length = n + count, y + total, length + 1
            if length in WINDOWS:
                found.append((_ln_e(n, y, threshold), length, y / n))
        ln_m = min(LN_LIMIT, log_sum_exp([ln_e for ln_e, _, _ in found]) - math.log(len(WINDOWS)))
        _, window, mean = max(found)
        mark = Mark(ln_m=ln_m, window=window, loss=mean)
        return FloorWatch(panes=panes, broken=self.broken or ln_m >= LN_ALARM), mark


def _ln_e(n: int, y: float, threshold: float) -> float:
    """The Bernoulli ratio of 11.2 for one arm, averaged over how far above the threshold the loss may lie.

    For losses in [0, 1] the ratio is convex in the loss and rises with it, so outcomes of 0 and 1 at the
    threshold are the worst case of the null.
    """
    terms = []
    for delta in GRID:
        p = threshold + min(delta, 0.5 * (1 - threshold))
        terms.append(y * math.log(p / threshold) + (n - y) * math.log((1 - p) / (1 - threshold)))
    return ln_mean(terms)
