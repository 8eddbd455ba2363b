"""Two columns that stand in each other's place: each looks like what the other used to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.monitoring.support import Support, support
from tidegate.monitoring.units import QUANTILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STRANGE = 0.5
"""A distance, in spreads of the reference or of categories' shares, from which a column is not itself."""
_BETTER = 0.25
"""The crosswise distance must be at most this part of the straight one."""
_ALWAYS = 0.995
"""The share of rows in which one column is never below another, where that is a law of the data."""
_APART = 0.65
"""The Kolmogorov-Smirnov distance from which columns are in order without a law: they hardly overlap."""
_ROWS = 5_000
_OFF, _ON = 0.5, 0.95


@dataclass(frozen=True)
class _Column:
    old: Floats
    new: Floats
    spread: float
    known: Support | None

    def distance(self, quantiles: Floats) -> float:
        """How far quantiles [q] are from this column's reference, in its spreads."""
        return float(np.abs(quantiles - self.old).mean() / self.spread)


def swapped(
    old: Mapping[str, pl.Series], new: Mapping[str, pl.Series]
) -> list[tuple[tuple[str, str], dict[str, Any]]]:
    """The pairs of columns that are swapped in ``new``, each column in one pair at most, clearest first.

    Three signs, each of which an honest drift does not give: crosswise the distributions match far better
    than straight; of two columns that overlap one was never below the other, and now never above; the values
    lie on each other's support (:mod:`tidegate.monitoring.support`) and no longer on their own.
    """
    found = [*_categories(old, new), *_numbers(old, new)]
    taken: set[str] = set()
    kept = []
    for _, pair, facts in sorted(found, key=lambda one: one[0]):
        if not taken & set(pair):
            taken |= set(pair)
            kept.append((pair, facts))
    return kept


Found = tuple[float, tuple[str, str], dict[str, Any]]


def _categories(old: Mapping[str, pl.Series], new: Mapping[str, pl.Series]) -> Iterator[Found]:
    names = [name for name in old if old[name].dtype == pl.String]
    before = {name: _shares(old[name]) for name in names}
    after = {name: _shares(new[name]) for name in names}
    for one, other in combinations(names, 2):
        straight = [_variation(before[name], after[name]) for name in (one, other)]
        cross = [_variation(before[one], after[other]), _variation(before[other], after[one])]
        if min(straight) >= _STRANGE and sum(cross) <= _BETTER * sum(straight):
            yield _matching(one, other, sum(straight), sum(cross), "of the categories' shares")


def _shares(values: pl.Series) -> dict[str, float]:
    counts = values.drop_nulls().value_counts(normalize=True)
    return dict(counts.iter_rows())


def _variation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in one.keys() | other.keys()) / 2


def _matching(one: str, other: str, straight: float, cross: float, what: str) -> Found:
    because = (
        f"each is far from what it was (distance {straight:.2f} {what}, both together) and near to what the "
        f"other was ({cross:.2f})"
    )
    return cross / straight, (one, other), {"straight": straight, "cross": cross, "because": because}


def _numbers(old: Mapping[str, pl.Series], new: Mapping[str, pl.Series]) -> Iterator[Found]:
    columns = {name: column for name in old if (column := _column(old[name], new[name])) is not None}
    for (one, left), (other, right) in combinations(columns.items(), 2):
        straight = [left.distance(left.new), right.distance(right.new)]
        cross = [left.distance(right.new), right.distance(left.new)]
        if min(straight) >= _STRANGE and sum(cross) <= _BETTER * sum(straight):
            yield _matching(one, other, sum(straight), sum(cross), "in spreads of the reference")
        elif (order := _order(old[one], old[other], new[one], new[other])) is not None:
            upper, lower = (one, other) if order[0] > 0.5 else (other, one)
            because = f"{upper} was not below {lower} in the reference, and is not above it now"
            facts = {"straight": sum(straight), "cross": sum(cross), "because": because}
            yield 1.0, (one, other), facts | {"reference_order": order[0], "live_order": order[1]}
        elif max(cross) <= 4.0 and (off := _supports(left, right, new[one], new[other])) is not None:
            because = f"the values lie on each other's grid, and {off:.0%} of one column's on its own"
            facts = {"straight": sum(straight), "cross": sum(cross), "because": because, "on_support": off}
            yield 2.0, (one, other), facts


def _column(old: pl.Series, new: pl.Series) -> _Column | None:
    """A numeric column; None when there are too few values, or but one."""
    before, after = old.drop_nulls(), new.drop_nulls()
    if old.dtype == pl.String or min(len(before), len(after)) < 50:
        return None
    values = before.to_numpy()
    quantiles = np.quantile(values, QUANTILES)
    spread = float(quantiles[-1] - quantiles[0]) / 2 or float(values.std())
    if spread == 0:
        return None
    return _Column(quantiles, np.quantile(after.to_numpy(), QUANTILES), spread, support(values))


def _order(
    old_one: pl.Series, old_other: pl.Series, new_one: pl.Series, new_other: pl.Series
) -> tuple[float, float] | None:
    """The shares of rows in which the first is above, then and now, if a law of the data was turned round."""
    before, after = _above(old_one, old_other, _APART), _above(new_one, new_other, 1.0)
    if before is None or after is None:
        return None
    if before[0] <= 1 - _ALWAYS:
        turned = before[1] >= 0.5 and after[1] <= 1 - _ALWAYS and after[0] >= 0.5
    else:
        turned = before[1] <= 1 - _ALWAYS and before[0] >= 0.5 and after[0] <= 1 - _ALWAYS and after[1] >= 0.5
    return (before[0], after[0]) if turned else None


def _above(one: pl.Series, other: pl.Series, apart: float) -> tuple[float, float] | None:
    """The shares of rows in which the first is above and below the second; None if further than ``apart``."""
    step = max(len(one) // _ROWS, 1)
    pair = pl.DataFrame([one.alias("one"), other.alias("other")]).gather_every(step).drop_nulls()
    if pair.height < 50:
        return None
    left, right = pair["one"].to_numpy(), pair["other"].to_numpy()
    grid = np.sort(np.concatenate([left, right]))
    gap = np.abs(
        np.searchsorted(np.sort(left), grid, "right") - np.searchsorted(np.sort(right), grid, "right")
    ).max()
    return (float((left > right).mean()), float((left < right).mean())) if gap <= apart * len(left) else None


def _supports(left: _Column, right: _Column, new_left: pl.Series, new_right: pl.Series) -> float | None:
    """The smaller share of values on a column's own support, when both lie on the other's."""
    if left.known is None or right.known is None:
        return None
    one, other = new_left.drop_nulls().to_numpy(), new_right.drop_nulls().to_numpy()
    own = min(left.known.holds(one), right.known.holds(other))
    cross = min(left.known.holds(other), right.known.holds(one))
    return own if own <= _OFF and cross >= _ON else None
