"""Evidence from answered rows: the stratified two-sample e-process, and whether the shares are as planned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tidegate.types import Value

GRID = (0.005, 0.01, 0.02, 0.04, 0.08)
"""Differences of means that are bet on."""
DECAY = 0.9
"""How fast earlier panes are forgotten in the prediction of the pooled mean."""
PRIOR_KEYS = 50.0
KAPPAS = (100.0, 1000.0, 10_000.0)
LN_LIMIT = 700.0
"""Evidence is cut here, so that it stays a number in JSON and its exponential one in a double."""


def log_sum_exp(terms: Sequence[float]) -> float:
    """The log of the sum of exponentials; -inf for no terms."""
    top = max(terms, default=-math.inf)
    if math.isinf(top):
        return top
    return top + math.log(math.fsum(math.exp(term - top) for term in terms))


def ln_mean(terms: Sequence[float]) -> float:
    """The log of the mean of exponentials, within the limits of what is stored."""
    return max(-LN_LIMIT, min(LN_LIMIT, log_sum_exp(terms) - math.log(len(terms))))


class Stratified(Value):
    """Evidence that arm a's mean is above arm b's, pane by pane (Turner, Ly and Gruenwald 2024).

    Outcomes lie in [0, 1], higher is better. The null is, in every pane, mean_a + eps_a <= mean_b + eps_b
    (one of the two eps is 0); base rates may change from pane to pane. Under it ``exp(ln_e)`` is a
    supermartingale, so that it ever reaches 1/alpha has a chance of at most alpha. ``STATISTICS`` 11.2.
    """

    ln: tuple[float, ...] = (0.0,) * len(GRID)
    s: float
    n: float

    @classmethod
    def start(cls, prior_mean: float, prior_keys: float = PRIOR_KEYS) -> Stratified:
        """No evidence yet; ``prior_mean`` is what both arms are expected to give."""
        return cls(s=prior_keys * prior_mean, n=prior_keys)

    @property
    def ln_e(self) -> float:
        """The log of the e-value."""
        return ln_mean(self.ln)

    def add(
        self, n_a: int, x_a: float, n_b: int, x_b: float, *, eps_a: float = 0.0, eps_b: float = 0.0
    ) -> Stratified:
        """The evidence after one more pane: per arm the number of keys and the sum of their outcomes."""
        widest = 1.0 + max(eps_a, eps_b)
        y_a, y_b = (x_a + eps_a * n_a) / widest, (x_b + eps_b * n_b) / widest
        ln = self.ln
        if n_a and n_b:
            mean = min(max(self.s / self.n, 0.001), 0.999)
            f_a, f_b = n_b / (n_a + n_b), n_a / (n_a + n_b)
            room = 0.5 * min(mean, 1 - mean) / max(f_a, f_b)
            ln = tuple(
                before
                + _ln_ratio(y_a, n_a, mean + f_a * min(delta, room), mean)
                + _ln_ratio(y_b, n_b, mean - f_b * min(delta, room), mean)
                for before, delta in zip(self.ln, GRID, strict=True)
            )
        return Stratified(ln=ln, s=DECAY * self.s + y_a + y_b, n=DECAY * self.n + n_a + n_b)


def _ln_ratio(y: float, n: float, p: float, q: float) -> float:
    """The log likelihood ratio of ``p`` to ``q`` for ``n`` Bernoulli outcomes with sum ``y``."""
    return y * math.log(p / q) + (n - y) * math.log((1 - p) / (1 - q))


def srm_ln_e(counts: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """Evidence that keys are not divided as planned (Lindon and Malek 2022; ``STATISTICS`` 10.3).

    The mean over kappa of a Dirichlet multinomial around ``weights`` against the multinomial of
    ``weights``, on counts of distinct keys. A key at an arm without weight is as much evidence as can be.
    """
    if any(count and weights.get(arm, 0.0) <= 0 for arm, count in counts.items()):
        return LN_LIMIT
    arms = [(counts.get(arm, 0), weight) for arm, weight in weights.items() if weight > 0]
    total = sum(count for count, _ in arms)
    if total == 0 or len(arms) < 2:
        return 0.0
    scale = math.fsum(weight for _, weight in arms)
    fixed = math.fsum(count * math.log(weight / scale) for count, weight in arms)
    return ln_mean(
        [
            math.lgamma(kappa)
            - math.lgamma(kappa + total)
            + math.fsum(
                math.lgamma(kappa * weight / scale + count) - math.lgamma(kappa * weight / scale)
                for count, weight in arms
            )
            - fixed
            for kappa in KAPPAS
        ]
    )
