"""What the loop was worth: the same rows answered with it and without it, and how sure the difference is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.monitoring import logs
from tidegate.replay.plan import Plan

FLAGGED = 0.2
"""The share of a period's rows, those with the highest scores, that both flag: at an equal number of alarms
what counts is how many of them are right."""

JSON = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Labelled rows with the scores that were answered with the loop and without it."""

    labels: Floats
    current: Floats
    stale: Floats
    periods: NDArray[np.str_]
    blocks: NDArray[np.int64]
    """Rows of one block (a day) may depend on each other; blocks are taken to be independent."""

    def part(self, rows: NDArray[np.bool_]) -> Scores:
        """Some of the rows."""
        return Scores(
            self.labels[rows], self.current[rows], self.stale[rows], self.periods[rows], self.blocks[rows]
        )


def answered(home: Path, endpoint: str, plan: Plan, predictions: Sequence[str]) -> Floats:
    """The score that each of the plan's rows was answered with, NaN where the log has none.

    ``predictions`` are the ids of the answers, one per request of the plan.
    """
    first = pl.DataFrame(
        {"prediction_id": list(predictions), "first": [one.first for one in plan.requests]},
        schema={"prediction_id": pl.String, "first": pl.Int64},
    )
    rows = (
        logs.predictions(home, endpoint)
        .filter(pl.col("role") == "answer")
        .select("prediction_id", "row", "score")
        .join(first.lazy(), on="prediction_id")
        .select((pl.col("first") + pl.col("row")).alias("at"), "score")
        .collect()
    )
    scores = np.full(plan.events.height, np.nan)
    scores[rows["at"].to_numpy()] = rows["score"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return scores


def scores(plan: Plan, current: Floats, stale: Floats, block_hours: int) -> Scores:
    """The rows that have a label and both scores."""
    periods = np.array([one.period for one in plan.requests])[plan.request_of]
    times = np.array([one.event_time for one in plan.requests])[plan.request_of]
    blocks = times // (block_hours * 3_600_000_000)
    known = np.isfinite(plan.labels) & np.isfinite(current) & np.isfinite(stale)
    return Scores(plan.labels, current, stale, periods, blocks).part(known)


def worth(found: Scores) -> JSON:
    """By period and in all: AUC, Brier score and hits of both, the difference and its standard error.

    ``hits`` are the rows with label 1 among the :data:`FLAGGED` share of each period's rows with the highest
    scores; AUC in all is the mean of the periods' by their rows. A difference is current minus stale;
    ``better`` says whether it is in the loop's favour. Standard errors are those of sums over blocks of the
    rows' influence on the figure; for AUC that is the clustered form (Obuchowski 1997) of DeLong's (1988).
    """
    names = list(dict.fromkeys(found.periods.tolist()))
    hits = [_hits(found, scores) for scores in (found.current, found.stale)]
    rows = []
    for name in names:
        mine = found.periods == name
        rows.append({"period": name, **_figures(found.part(mine), [hit.part(mine) for hit in hits])})
    return {"flagged": FLAGGED, "periods": rows, "all": _figures(found, hits) | {"auc": _mean_auc(rows)}}


def _mean_auc(rows: Sequence[JSON]) -> JSON:
    """The mean of the periods' AUC by their rows.

    One AUC over all periods would compare a row of July with one of March, which nobody's decision does.
    """
    told = [row for row in rows if row["auc"]["gain"] is not None]
    total = sum(row["rows"] for row in told)
    if not total:
        return _beside(None, None, None)
    shares = [row["rows"] / total for row in told]
    current, stale = (
        sum(share * row["auc"][name] for share, row in zip(shares, told, strict=True))
        for name in ("current", "stale")
    )
    errors = [row["auc"]["error"] for row in told]
    known = all(error is not None for error in errors)
    parts = sum((share * error) ** 2 for share, error in zip(shares, errors, strict=True)) if known else None
    return _beside(current, stale, None if parts is None else float(np.sqrt(parts)))


@dataclass(frozen=True)
class _Hits:
    """Per row: how far it is a hit, and its influence on how many there are."""

    hit: Floats
    influence: Floats

    def part(self, rows: NDArray[np.bool_]) -> _Hits:
        return _Hits(self.hit[rows], self.influence[rows])


def _figures(found: Scores, hits: Sequence[_Hits]) -> JSON:
    y = found.labels
    auc = [_auc(y, scores) for scores in (found.current, found.stale)]
    losses = [(scores.clip(0.0, 1.0) - y) ** 2 for scores in (found.current, found.stale)]
    count = len(y)
    (auc_now, auc_moves), (auc_stale, auc_stale_moves) = auc
    brier, stale = (float(one.mean()) for one in losses)
    moves = (losses[0] - brier - losses[1] + stale) / count
    caught, missed = hits
    return {
        "rows": count,
        "positives": int(y.sum()),
        "auc": _beside(auc_now, auc_stale, _error(auc_moves - auc_stale_moves, found.blocks)),
        "brier": _beside(brier, stale, _error(moves, found.blocks), higher=False),
        "hits": _beside(
            float(caught.hit.sum()),
            float(missed.hit.sum()),
            _error(caught.influence - missed.influence, found.blocks),
        ),
    }


def _beside(current: float | None, stale: float | None, error: float | None, *, higher: bool = True) -> JSON:
    gain = None if current is None or stale is None else current - stale
    better = None if gain is None else (gain > 0) == higher and gain != 0
    return {"current": current, "stale": stale, "gain": gain, "error": error, "better": better}


def _error(influence: Floats, blocks: NDArray[np.int64]) -> float | None:
    """The standard error of a sum whose terms depend on each other within blocks; None with one block."""
    _, place = np.unique(blocks, return_inverse=True)
    sums = np.bincount(place, weights=influence)
    count = len(sums)
    if count < 2:
        return None
    return float(np.sqrt(((sums - sums.mean()) ** 2).sum() * count / (count - 1)))


def _auc(labels: Floats, scores: Floats) -> tuple[float | None, Floats]:
    """AUC by ranks, ties counting one half, and each row's influence on it."""
    positive = labels == 1.0
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return None, np.zeros(len(labels))
    whole = _ranks(scores)
    below = np.empty(len(labels))
    below[positive] = (whole[positive] - _ranks(scores[positive])) / m
    below[~positive] = 1 - (whole[~positive] - _ranks(scores[~positive])) / n
    auc = float(below[positive].mean())
    return auc, (below - auc) / np.where(positive, n, m)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, ties sharing their mean."""
    ranks: Floats = pl.Series(values).rank("average").to_numpy()
    return ranks


def _hits(found: Scores, scores: Floats) -> _Hits:
    """The rows with label 1 among each period's flagged ones; rows that tie at the edge are flagged in part.

    A row that is flagged pushes another one off the edge, so its influence is its label less the rate of
    labels at the edge.
    """
    hit, influence = np.zeros(len(scores)), np.zeros(len(scores))
    for name in np.unique(found.periods):
        mine = np.flatnonzero(found.periods == name)
        count = round(len(mine) * FLAGGED)
        if not count:
            continue
        order = np.sort(scores[mine])
        edge = order[len(mine) - count]
        above, tied = scores[mine] > edge, scores[mine] == edge
        flagged = above + tied * ((count - above.sum()) / int(tied.sum()))
        near = max(25, len(mine) // 50)
        low = order[max(len(mine) - count - near, 0)]
        high = order[min(len(mine) - count + near, len(mine) - 1)]
        labels = found.labels[mine]
        rate = labels[(scores[mine] >= low) & (scores[mine] <= high)].mean()
        hit[mine], influence[mine] = flagged * labels, flagged * (labels - rate)
    return _Hits(hit, influence)
