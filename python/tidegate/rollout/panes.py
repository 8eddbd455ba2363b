"""From the logs to what a pane says: losses per key, pairs of versions on the same rows, keys per plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from tidegate.rollout.paired import Pairs
from tidegate.rollout.policy import Loss, Policy
from tidegate.rollout.state import (
    Assignment,
    Challenger,
    Exposed,
    Facts,
    Lives,
    PairFacts,
    Pane,
    State,
    VersionFacts,
    begin_of,
    pane_of,
)

LONG_GAP = 31
"""Empty panes in a row above which they count as one."""
COLUMNS = (
    "prediction_id",
    "row",
    "role",
    "version",
    "generation",
    "key",
    "event_time",
    "score",
    "label",
)
_ROW = ["prediction_id", "row"]

Weights = Callable[[int], dict[str, float]]
"""The weights of the plan that held in a generation."""


def prepared(scored: pl.LazyFrame, loss: Loss, threshold: float) -> pl.DataFrame:
    """Labelled log rows with ``unit`` and ``loss``, in an order that the arrival of labels can't change.

    Requests that asked for their version by name are left out. The unit is the routing key; a request without
    one is its own. ``loss`` lies in [0, 1] and is null without a score or a label in [0, 1].
    """
    score, label = pl.col("score"), pl.col("label")
    usable = score.is_finite() & label.is_between(0.0, 1.0)
    p = score.clip(0.0, 1.0)
    losses = {
        "brier": (p - label) ** 2,
        "absolute": (p - label).abs(),
        "error": ((score > threshold) != (label > 0.5)).cast(pl.Float64),
    }
    return (
        scored.filter(pl.col("route") == "weight")
        .select(*COLUMNS)
        .with_columns(
            unit=pl.coalesce("key", "prediction_id"),
            loss=pl.when(usable).then(losses[loss]),
            unscored=~score.is_finite().fill_null(value=False),
        )
        .sort("event_time", "prediction_id", "row", "version", "role")
        .collect()
    )


def seen_keys(earlier: pl.LazyFrame) -> pl.DataFrame:
    """Per key, version and whether it answered, the last time before the panes that are judged now."""
    return (
        earlier.filter(pl.col("key").is_not_null(), pl.col("route") == "weight")
        .group_by("key", "version", answered=pl.col("role") == "answer")
        .agg(pl.col("event_time").max())
        .collect()
    )


class Panes:
    """The mature panes of one look at the logs, in order."""

    def __init__(
        self,
        rows: pl.DataFrame,
        earlier: pl.DataFrame,
        policy: Policy,
        now: datetime,
        begin: datetime | None = None,
    ) -> None:
        """``rows`` of :func:`prepared` from ``begin`` on, ``earlier`` keys of :func:`seen_keys`."""
        self._policy, self._now = policy, now
        self._first = None if begin is None else pane_of(begin, policy.pane)
        index = pl.col("event_time").dt.epoch("us") // (policy.pane // timedelta(microseconds=1))
        self._rows = rows.with_columns(pane=index)
        self._seen = earlier

    def __iter__(self) -> Iterator[tuple[Pane, pl.DataFrame]]:
        """Each pane that has rows with them, and the empty ones before it; long gaps are one."""
        expected = self._first
        for (index,), rows in self._rows.group_by("pane", maintain_order=True):
            number = int(str(index))
            if expected is not None and number - expected > LONG_GAP:
                yield self._pane(expected, number - expected), rows.clear()
            elif expected is not None:
                for empty in range(expected, number):
                    yield self._pane(empty), rows.clear()
            yield self._pane(number), rows
            expected = number + 1

    def _pane(self, index: int, panes: int = 1) -> Pane:
        length = self._policy.pane
        return Pane(
            index=index,
            begin=begin_of(index, length),
            end=begin_of(index + panes, length),
            now=self._now,
            panes=panes,
        )

    def facts(self, pane: Pane, rows: pl.DataFrame, state: State, lives: Lives, weights: Weights) -> Facts:
        """What a pane's rows say under a state that has adopted the plan; its keys are seen from then on."""
        champion = str(state.champion)
        found = Facts(
            pane=pane,
            versions=_versions(rows, state, lives),
            pairs={known.version: self._pair(rows, known, champion) for known in state.active if rows.height},
            assignments=self._assignments(rows, state, weights),
            mirror=lives.mirror,
        )
        more = seen_keys(rows.lazy().with_columns(route=pl.lit("weight")))
        self._seen = pl.concat([self._seen, more])
        return found

    def _pair(self, rows: pl.DataFrame, known: Challenger, champion: str) -> PairFacts:
        policy = self._policy
        fresh = rows.filter(pl.col("event_time") >= known.since)
        exposed = Exposed()
        if policy.evidence == "exposed" and known.phase == "climb":
            exposed = _exposed(
                fresh,
                self._used([champion, known.version], known.since, answered=True),
                champion,
                known.version,
            )
        paired = _paired(fresh, self._used([known.version], known.since), champion, known.version)
        rung = 0
        if known.rung_since is not None:
            rung = int(
                rows.filter(
                    pl.col("event_time") >= known.rung_since,
                    pl.col("version") == known.version,
                    pl.col("role") == "answer",
                    pl.col("loss").is_not_null(),
                )["unit"].n_unique()
            )
        return PairFacts(paired=Pairs.of(paired, policy.eps, policy.g), exposed=exposed, rung_keys=rung)

    def _used(self, versions: list[str] | None, since: datetime, *, answered: bool = False) -> pl.Series:
        """The keys that had their first pane already: each is evidence once."""
        past = self._seen.filter(pl.col("event_time") >= since)
        if versions is not None:
            past = past.filter(pl.col("version").is_in(versions))
        if answered:
            past = past.filter(pl.col("answered"))
        return past["key"].unique()

    def _assignments(self, rows: pl.DataFrame, state: State, weights: Weights) -> list[Assignment]:
        """The new keys of the pane by the plan that divided them; none while nobody climbs."""
        since = state.srm_since
        if since is None:
            return []
        used = self._used(None, since, answered=True)
        first = (
            rows.filter(
                pl.col("event_time") >= since,
                pl.col("role") == "answer",
                ~pl.col("unit").is_in(used.implode()),
            )
            .unique("unit", keep="first", maintain_order=True)
            .group_by("generation", "version")
            .len()
            .sort("generation", "version")
        )
        found: dict[int, dict[str, int]] = {}
        for generation, version, count in first.iter_rows():
            found.setdefault(int(generation), {})[version] = int(count)
        plans = {generation: weights(generation) for generation in found}
        return [
            Assignment(generation=generation, weights=plans[generation], counts=counts)
            for generation, counts in found.items()
            if plans[generation]
        ]


def _versions(rows: pl.DataFrame, state: State, lives: Lives) -> dict[str, VersionFacts]:
    known = lives.facts()
    for number in rows["version"].unique().to_list():
        known.setdefault(number, VersionFacts(may_answer=number not in lives.barred))
    found = {}
    for number, before in known.items():
        mine = rows.filter(pl.col("version") == number)
        answers = mine.filter(pl.col("role") == "answer")
        means = _means(answers)
        total = math.fsum(means)
        labelled = answers.height - answers["loss"].null_count()
        found[number] = before.model_copy(
            update={
                "role": _role(number, state, before),
                "rows": mine.height,
                "unscored": int(mine["unscored"].sum()),
                "answered": answers.height,
                "labelled": labelled,
                "unlabelled": answers.height - labelled,
                "keys": len(means),
                "loss_sum": total,
                "loss": total / len(means) if means else None,
            }
        )
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def _role(number: str, state: State, found: VersionFacts) -> str:
    challenger = state.find(number)
    if number == state.champion:
        return "champion"
    if challenger is not None:
        return "challenger" if challenger.active else challenger.phase
    if state.draining is not None and state.draining.version == number:
        return "draining"
    return "shadow" if found.shadow else "out"


def _means(answers: pl.DataFrame) -> list[float]:
    """The mean loss of each unit that has a label."""
    return (
        answers.filter(pl.col("loss").is_not_null())
        .group_by("unit", maintain_order=True)
        .agg(pl.col("loss").mean())["loss"]
        .to_list()
    )


def _exposed(rows: pl.DataFrame, used: pl.Series, champion: str, challenger: str) -> Exposed:
    """Outcomes of new keys by the version that answered each first."""
    answers = rows.filter(
        pl.col("role") == "answer",
        pl.col("version").is_in([champion, challenger]),
        ~pl.col("unit").is_in(used.implode()),
    )
    own = answers.filter(pl.col("version") == pl.col("version").first().over("unit"))
    a = _means(own.filter(pl.col("version") == champion))
    b = _means(own.filter(pl.col("version") == challenger))
    return Exposed(
        n_a=len(a),
        x_a=math.fsum(1 - loss for loss in a),
        n_b=len(b),
        x_b=math.fsum(1 - loss for loss in b),
    )


def _paired(
    rows: pl.DataFrame, used: pl.Series, champion: str, challenger: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Per new key, the mean over its rows of the champion's loss less the challenger's."""
    usable = rows.filter(pl.col("loss").is_not_null(), ~pl.col("unit").is_in(used.implode()))
    theirs = usable.filter(pl.col("version") == challenger).select(*_ROW, other="loss")
    both = usable.filter(pl.col("version") == champion).join(
        theirs.unique(_ROW, keep="first", maintain_order=True), on=_ROW, how="inner", maintain_order="left"
    )
    means = (
        both.unique(_ROW, keep="first", maintain_order=True)
        .group_by("unit", maintain_order=True)
        .agg(d=(pl.col("loss") - pl.col("other")).mean())
    )
    return means["d"].to_numpy().astype(np.float64)
