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
"""The share of live values on a support: at most on the own one, at least on the other column's."""
_REACH = 4.0
"""How far, in spreads of the reference, a column may be from what the other was where only supports tell."""


@dataclass(frozen=True)
class _Column:
    old: Floats
    new: Floats
    spread: float
    known: Support | None
    old_rows: Floats
    """Some of the rows, the same of every column; NaN is missing."""
    new_rows: Floats

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
        sign = _sign((one, left), (other, right))
        # Whatever else it looks like, a value that the other column can't have did not come from there.
        if sign is not None and _crosswise(left, right) >= _ON:
            yield sign


def _sign(first: tuple[str, _Column], second: tuple[str, _Column]) -> Found | None:
    """The clearest sign that two numeric columns are swapped."""
    (one, left), (other, right) = first, second
    straight = [left.distance(left.new), right.distance(right.new)]
    cross = [left.distance(right.new), right.distance(left.new)]
    if min(straight) >= _STRANGE and sum(cross) <= _BETTER * sum(straight):
        return _matching(one, other, sum(straight), sum(cross), "in spreads of the reference")
    facts = {"straight": sum(straight), "cross": sum(cross)}
    if (order := _order(left, right)) is not None:
        upper, lower = (one, other) if order[0] > 0.5 else (other, one)
        because = f"{upper} was not below {lower} in the reference, and is not above it now"
        return 1.0, (one, other), facts | {"because": because, "order": order[0], "live_order": order[1]}
    if max(cross) <= _REACH and (off := _own(left, right)) <= _OFF:
        because = f"the values lie on each other's grid, and {off:.0%} of one column's on its own"
        return 2.0, (one, other), facts | {"because": because, "on_support": off}
    return None


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
    return _Column(
        quantiles,
        np.quantile(after.to_numpy(), QUANTILES),
        spread,
        support(values),
        *(each.gather_every(max(len(each) // _ROWS, 1)).to_numpy() for each in (old, new)),
    )


def _order(left: _Column, right: _Column) -> tuple[float, float] | None:
    """The shares of rows in which the first is above, then and now, if a law of the data was turned round."""
    before, after = _above(left.old_rows, right.old_rows), _above(left.new_rows, right.new_rows)
    if before is None or after is None:
        return None
    if before[0] <= 1 - _ALWAYS:
        turned = before[1] >= 0.5 and after[1] <= 1 - _ALWAYS and after[0] >= 0.5
    else:
        turned = before[1] <= 1 - _ALWAYS and before[0] >= 0.5 and after[0] <= 1 - _ALWAYS and after[1] >= 0.5
    return (before[0], after[0]) if turned and _overlap(left.old_rows, right.old_rows) else None


def _above(one: Floats, other: Floats) -> tuple[float, float] | None:
    """The shares of rows in which the first is above and below the second; None of too few rows."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 50:
        return None
    return float((one[both] > other[both]).mean()), float((one[both] < other[both]).mean())


def _overlap(one: Floats, other: Floats) -> bool:
    """Whether two columns take the same values often enough for their order to say anything."""
    one, other = np.sort(one[np.isfinite(one)]), np.sort(other[np.isfinite(other)])
    points = np.concatenate([one, other])
    shares = [np.searchsorted(each, points, "right") / len(each) for each in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max()) <= _APART


def _own(left: _Column, right: _Column) -> float:
    """The smaller share of live values on a column's own support; 1 where one has none."""
    if left.known is None or right.known is None:
        return 1.0
    return min(left.known.holds(_present(left)), right.known.holds(_present(right)))


def _crosswise(left: _Column, right: _Column) -> float:
    """The smaller share of live values on the other column's support; 1 where it has none."""
    pairs = ((left.known, right), (right.known, left))
    return min(1.0 if known is None else known.holds(_present(other)) for known, other in pairs)


def _present(column: _Column) -> Floats:
    return column.new_rows[np.isfinite(column.new_rows)]
