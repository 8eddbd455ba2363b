"""Faults of the data itself, told from honest drift: what should be repaired where the data is made."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.monitoring import swaps, units

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 50
"""Live rows below which nothing is said of a column."""
_Z = 1.959963984540054
_BURST, _TIMES = 0.1, 3.0
"""By how much more of the rows at least, and by which factor, values are missing in a burst."""
_TAKES_OVER = 0.4
"""By how much the share of one value must have grown."""
_UNSEEN = 0.5
"""The share of rows with categories that the reference has not, from which it is no news but a fault."""
_SPELLED = 0.8
"""The share of those rows whose category is a known one in another spelling."""
_RECODED = 0.1
"""Total variation distance of the categories' sorted shares up to which new names stand for the old ones."""

Fault = dict[str, Any]


def faults(reference: pl.DataFrame, live: pl.DataFrame, columns: Sequence[str]) -> list[Fault]:
    """The data faults of ``live`` against ``reference``, rows in order of time, null and NaN missing.

    Returns:
        JSON-able faults in the columns' order: ``fault`` (``null_burst``, ``stuck_value``,
        ``constant_category``, ``recoded_categories``, ``unseen_categories``, ``unit_change``,
        ``swapped_columns``), ``columns``, ``figures`` and ``says``, a sentence. Intervals take rows as
        independent. A swap of columns that look alike, or of which both also moved far, can't be seen.

    """
    if live.height < FEWEST or reference.height < FEWEST:
        return []
    old = {name: _plain(reference[name]) for name in columns}
    new = {name: _plain(live[name]) for name in columns}
    swapped = [_swap(pair, facts) for pair, facts in swaps.swapped(old, new)]
    taken = {name for fault in swapped for name in fault["columns"]}
    found = list(swapped)
    for name in columns:
        if name in taken:
            continue
        if (burst := _null_burst(name, old[name], new[name])) is not None:
            found.append(burst)
        if new[name].drop_nulls().len() < FEWEST or old[name].drop_nulls().len() < FEWEST:
            continue
        kinds = [_stuck, _recoded if old[name].dtype == pl.String else _unit]
        found += [fault for kind in kinds if (fault := kind(name, old[name], new[name])) is not None][:1]
    order = {name: place for place, name in enumerate(columns)}
    return sorted(found, key=lambda fault: order[fault["columns"][0]])


def _plain(values: pl.Series) -> pl.Series:
    """Strings as they are, everything else as the float32 that a model sees, NaN as null."""
    if values.dtype in {pl.String, pl.Categorical, pl.Enum}:
        return values.cast(pl.String)
    return values.cast(pl.Float32).cast(pl.Float64).fill_nan(None)


def newcombe(hits: int, rows: int, old_hits: int, old_rows: int) -> tuple[float, float]:
    """The 95 % interval of the difference of two shares (Newcombe 1998, method 10)."""
    share, old = hits / rows, old_hits / old_rows
    low, high = _wilson(share, rows)
    old_low, old_high = _wilson(old, old_rows)
    difference = share - old
    return (
        difference - math.hypot(share - low, old_high - old),
        difference + math.hypot(high - share, old - old_low),
    )


def _wilson(share: float, rows: int) -> tuple[float, float]:
    square = _Z * _Z
    middle = share + square / (2 * rows)
    reach = _Z * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows))
    return (middle - reach) / (1 + square / rows), (middle + reach) / (1 + square / rows)


def _stretches(marks: NDArray[np.bool_], rows: int) -> float:
    """The largest share of marks in any stretch of ``rows`` consecutive rows, moved on by half a stretch.

    What the reference has had over as many rows at once is no fault, such as a day of one weekday.
    """
    rows = min(rows, len(marks))
    total = np.concatenate([[0], np.cumsum(marks)])
    begins = np.unique(np.append(np.arange(0, len(marks) - rows + 1, max(rows // 2, 1)), len(marks) - rows))
    return float((total[begins + rows] - total[begins]).max() / rows)


def _null_burst(name: str, old: pl.Series, new: pl.Series) -> Fault | None:
    missing, before = new.null_count(), old.null_count()
    share, was = missing / len(new), before / len(old)
    low, high = newcombe(missing, len(new), before, len(old))
    usual = _stretches(old.is_null().to_numpy(), len(new))
    if low < _BURST or share < _TIMES * was or share <= usual + _BURST:
        return None
    return {
        "fault": "null_burst",
        "columns": [name],
        "figures": {
            "missing": share,
            "reference_missing": was,
            "difference_low": low,
            "difference_high": high,
        },
        "says": f"{name}: missing in {share:.1%} of the rows, {was:.1%} in the reference "
        f"(difference {low:.1%} to {high:.1%})",
    }


def _stuck(name: str, old: pl.Series, new: pl.Series) -> Fault | None:
    new, old = new.drop_nulls(), old.drop_nulls()
    top = new.mode().sort()[0]
    hits, before = int((new == top).sum()), int((old == top).sum())
    low, _ = newcombe(hits, len(new), before, len(old))
    usual = max(_stretches((old == value).to_numpy(), len(new)) for value in (top, *_most_common(old)))
    share = hits / len(new)
    if low < _TAKES_OVER or share <= usual + _BURST:
        return None
    constant = old.dtype == pl.String
    shown = repr(top) if constant else f"{top:g}"
    return {
        "fault": "constant_category" if constant else "stuck_value",
        "columns": [name],
        "figures": {
            "value": top,
            "share": share,
            "reference_share": before / len(old),
            "difference_low": low,
            "distinct": new.n_unique(),
        },
        "says": f"{name}: stuck at {shown}, in {share:.1%} of the rows, {before / len(old):.1%} of the "
        "reference",
    }


def _most_common(values: pl.Series) -> list[Any]:
    counts = values.value_counts(sort=True)
    return counts.head(5)[values.name].to_list()


def _unit(name: str, old: pl.Series, new: pl.Series) -> Fault | None:
    found = units.unit_change(old.drop_nulls().to_numpy(), new.drop_nulls().to_numpy())
    if found is None:
        return None
    shift = f" and shifted by {found['shift']:.4g}" if found["shift"] else ""
    named = f", as {found['units'][0]} given as {found['units'][1]}" if found["units"] else ""
    because = []
    if found["explained"] > 0:
        because.append(f"explains {found['explained']:.0%} of the shift")
    if found["on_support"] is not None:
        because.append(
            f"{found['on_support']:.0%} of the values are ones that the reference can have, "
            f"{found['on_support_converted']:.0%} once converted back"
        )
    return {
        "fault": "unit_change",
        "columns": [name],
        "figures": found,
        "says": f"{name}: multiplied by {found['factor']:.4g}{shift}{named}; {'; '.join(because)}",
    }


def _swap(pair: tuple[str, str], facts: dict[str, Any]) -> Fault:
    one, other = pair
    return {
        "fault": "swapped_columns",
        "columns": [one, other],
        "figures": facts,
        "says": f"{one} and {other}: swapped; {facts['because']}",
    }


def _recoded(name: str, old: pl.Series, new: pl.Series) -> Fault | None:
    old, new = old.drop_nulls(), new.drop_nulls()
    known = set(old.unique())
    counts = new.value_counts(sort=True)
    strange = counts.filter(~pl.col(name).is_in(list(known)))
    unseen = int(strange["count"].sum())
    low, _ = newcombe(unseen, len(new), 0, len(old))
    if low < _UNSEEN:
        return None
    spellings = {_spelling(category): category for category in known}
    spelled = [
        (category, count) for category, count in strange.iter_rows() if _spelling(category) in spellings
    ]
    again = sum(count for _, count in spelled) / unseen
    shares = _sorted_shares(old, new)
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    figures = {"unseen": unseen / len(new), "unseen_low": low, "spelled": again, "shares_distance": distance}
    says = f"{name}: {unseen / len(new):.1%} of the rows have a category that the reference has not"
    kind = "unseen_categories"
    if again >= _SPELLED:
        first = spelled[0][0]
        kind = "recoded_categories"
        says += (
            f"; {again:.0%} of them are known ones in another spelling, as {spellings[_spelling(first)]!r} "
        )
        says += f"written {first!r}"
    elif len(known) > 1 and distance <= _RECODED:
        kind = "recoded_categories"
        says += f"; they are as common as the old ones were, as if named anew (distance {distance:.2f})"
    return {"fault": kind, "columns": [name], "figures": figures, "says": says}


def _spelling(category: str) -> str:
    """What is left of a category without case, punctuation, blanks and leading zeros."""
    return re.sub(r"[\W_]+", "", category.casefold()).lstrip("0")


def _sorted_shares(old: pl.Series, new: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The shares of the categories, largest first, both of the same length."""
    pair = [np.sort(each.value_counts()["count"].to_numpy() / len(each))[::-1] for each in (old, new)]
    size = max(len(each) for each in pair)
    return np.pad(pair[0], (0, size - len(pair[0]))), np.pad(pair[1], (0, size - len(pair[1])))
