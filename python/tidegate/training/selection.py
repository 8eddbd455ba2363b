"""Which rows to train on again after a change: five candidates, judged on what came later. Pure.

Rows stand in order of time. What comes after the change divides into rows to train on, five consecutive
blocks to choose by, and the newest rows, which neither choice nor fit may see. Before each block every
candidate is trained on rows strictly older than it (prequential evaluation; Dawid 1984). Of the candidates
within one standard error of the best the first wins, in the order from all rows to the new ones alone (the
one-standard-error rule; Breiman, Friedman, Olshen, Stone 1984, with the blocks as folds).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANDIDATES = {
    "R1": "all rows",
    "R2": "all rows, those since the change with weight 5",
    "R3": "the rows since the change and 2,000 older ones",
    "R4": "twice as many rows as there are since the change",
    "R5": "the rows since the change",
}
"""What each candidate trains on, from all rows to the new ones alone."""
RECENT_WEIGHT = 5.0
OLDER_ROWS = 2_000
BLOCKS = 5
FEWEST = 100
"""Rows that the blocks together, and the held-out rows, must have at least."""
HELD_OUT = 0.2
"""The share of the rows since the change that is held out, the newest."""
HISTORY = 0.1
"""Without a known change: the share of all rows that counts as what came since."""
MOST_ROWS = 200_000
"""A candidate with more rows is trained on so many of them, drawn uniformly (Vitter 1985)."""
MOST_TRIED = 10_000
"""The same while candidates are compared, so that a choice costs 25 small fits."""
_EPSILON = 1e-7

Rows = tuple["NDArray[np.int64]", "NDArray[np.float64]"]
"""Positions in rising order and the weight of each."""
Fit = Callable[["NDArray[np.int64]", "NDArray[np.float64]"], Callable[[slice], "NDArray[np.float64]"]]
"""Trains on positions with weights; what it makes gives the score of each row of a slice."""


@dataclass(frozen=True)
class Layout:
    """Where what begins, as positions; a boundary never divides rows of the same moment."""

    change: int
    blocks: tuple[slice, ...]
    held_out: int
    end: int


def lay_out(moments: NDArray[np.int64], change: int | None = None) -> Layout | None:
    """Divides rows ``moments`` [n], sorted, of which those at or after ``change`` are the new ones.

    None when the blocks together or the held-out rows would be fewer than :data:`FEWEST`, or one is empty.
    """
    end = len(moments)
    begin = end - math.ceil(end * HISTORY) if change is None else int(np.searchsorted(moments, change))
    begin = _start(moments, begin)
    held = _start(moments, end - max(FEWEST, math.ceil((end - begin) * HELD_OUT)))
    first = held - (held - begin) // 2
    edges = [_start(moments, first + (held - first) * block // BLOCKS) for block in range(BLOCKS)] + [held]
    if held <= begin or held - edges[0] < FEWEST or edges[0] <= begin:
        return None
    blocks = tuple(slice(left, right) for left, right in pairwise(edges))
    return Layout(begin, blocks, held, end) if all(b.stop > b.start for b in blocks) else None


def _start(moments: NDArray[np.int64], position: int) -> int:
    """The first row of the moment that the row at ``position`` has."""
    if position <= 0 or position >= len(moments):
        return min(max(position, 0), len(moments))
    return int(np.searchsorted(moments, moments[position]))


def draw(candidate: str, change: int, end: int, most: int = MOST_ROWS, seed: int = 0) -> Rows:
    """The rows before ``end`` that a candidate trains on, at most ``most``, drawn by ``seed``."""
    random = np.random.default_rng([seed, sorted(CANDIDATES).index(candidate), end])
    change = min(change, end)
    match candidate:
        case "R1" | "R2":
            rows = np.arange(end)
        case "R3":
            older = random.choice(change, min(OLDER_ROWS, change), replace=False)
            rows = np.concatenate([np.sort(older), np.arange(change, end)])
        case "R4":
            rows = np.arange(max(end - 2 * (end - change), 0), end)
        case _:
            rows = np.arange(change, end)
    if len(rows) > most:
        rows = np.sort(random.choice(rows, most, replace=False))
    weights = np.where((rows >= change) & (candidate == "R2"), RECENT_WEIGHT, 1.0)
    return rows.astype(np.int64), weights


def compare(
    layout: Layout,
    target: NDArray[np.int64],
    fit: Fit,
    seed: int = 0,
    tell: Callable[[float, str], None] = lambda _share, _what: None,
) -> dict[str, list[float] | str]:
    """The mean log-loss of each candidate on each block, or why it can't be trained.

    ``target`` [n] is 0 or 1; ``tell`` hears the share that is done and what comes next.
    """
    found: dict[str, list[float] | str] = {}
    known: dict[tuple[int, bytes, bytes], float] = {}
    for place, candidate in enumerate(CANDIDATES):
        losses = []
        for number, block in enumerate(layout.blocks):
            tell((place * BLOCKS + number) / (BLOCKS * len(CANDIDATES)), f"{candidate}, block {number + 1}")
            rows, weights = draw(candidate, layout.change, block.start, MOST_TRIED, seed)
            if len(np.unique(target[rows])) < 2:
                found[candidate] = f"before block {number + 1} its rows have one value of the target"
                break
            same = (number, rows.tobytes(), weights.tobytes())
            if same not in known:
                known[same] = log_loss(target[block], fit(rows, weights)(block))
            losses.append(known[same])
        else:
            found[candidate] = losses
    return found


def log_loss(target: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """The mean of -ln of the probability that was given to what happened; scores are kept off 0 and 1."""
    given = np.where(target == 1, scores, 1.0 - scores)
    return float(-np.log(given.clip(_EPSILON, 1.0)).mean())


def choose(losses: Mapping[str, Sequence[float] | str]) -> dict[str, Any]:
    """Picks a candidate by the one-standard-error rule.

    Args:
        losses: per candidate the mean loss on each block, as :func:`compare` gives it.

    Returns:
        ``chosen``, ``best``, ``says``, ``rule``, ``loss`` (which), and the ``table``: per candidate its
        ``losses``, their mean ``loss``, its ``difference`` to the best, the standard error ``se`` of that
        difference over the blocks, whether it is ``within`` it, and a ``reason`` where it could not be
        trained. ``chosen`` is None when none could.

    """
    usable = {name: np.array(each) for name, each in losses.items() if not isinstance(each, str)}
    found: dict[str, Any] = {
        "rule": "the first of R1 to R5 whose mean difference to the best is at most its standard error",
        "loss": "log-loss",
        "best": None,
        "chosen": None,
        "says": "no candidate could be trained",
        "table": [],
    }
    best = min(usable, key=lambda name: float(usable[name].mean()), default=None)
    for name, what in CANDIDATES.items():
        row: dict[str, Any] = {"candidate": name, "what": what, "losses": None, "loss": None}
        row |= {"difference": None, "se": None, "within": False, "reason": None}
        if name in usable and best is not None:
            gap = usable[name] - usable[best]
            error = float(gap.std(ddof=1) / math.sqrt(len(gap)))
            row |= {"losses": usable[name].tolist(), "loss": float(usable[name].mean())}
            row |= {"difference": float(gap.mean()), "se": error, "within": bool(gap.mean() <= error)}
        else:
            row["reason"] = losses.get(name, "not tried")
        found["table"].append(row)
    if best is None:
        return found
    chosen = next(row for row in found["table"] if row["within"])
    name = chosen["candidate"]
    says = f"{name} ({chosen['what']}) has the smallest loss, {chosen['loss']:.4f}"
    if name != best:
        says = (
            f"{name} ({chosen['what']}): its loss {chosen['loss']:.4f} is {chosen['difference']:.4f} above "
            f"that of {best}, within one standard error ({chosen['se']:.4f}), and it comes first"
        )
    return found | {"best": best, "chosen": name, "says": says}
