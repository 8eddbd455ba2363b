"""What came of it, from logs and counters: periods, versions, drift, and the drift figures once more."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from tidegate.monitoring import drift, logs, recompute
from tidegate.monitoring.performance import performance
from tidegate.replay.view import View
from tidegate.types import Contract

if TYPE_CHECKING:
    from tidegate._native import ReferenceProfile

JSON = dict[str, Any]
_MOST_MOVED = 4
_EVERY = {"month": "1mo", "day": "1d"}
_SHOWN = {"month": "%Y-%m", "day": "%Y-%m-%d"}
_LENGTH = {"month": 7, "day": 10}


@dataclass(frozen=True)
class Variant:
    """A version that was in a traffic plan."""

    version: str
    digest: str
    profile: bytes


@dataclass(frozen=True)
class Evidence:
    """What the stopped server left behind."""

    home: Path
    endpoint: str
    contract: Contract
    variants: Sequence[Variant]
    """In the order of their numbers."""
    snapshots: Sequence[tuple[str, bytes]]
    """Counts with their period, in order; the last ones are those at the end."""
    zone: str = "UTC"
    period: Literal["month", "day"] = "month"
    """What figures are told by."""

    def counts_of(self, digest: str, period: str | None = None) -> bytes | None:
        """The last counts that hold a version, up to the end of ``period``."""
        upto = [counts for at, counts in self.snapshots if period is None or at <= period]
        return next((counts for counts in reversed(upto) if digest in digests(counts)), None)

    def scored(self) -> pl.LazyFrame:
        """Every scored row with its label, times on the clock of ``zone``."""
        rows = logs.labelled(
            logs.predictions(self.home, self.endpoint), logs.labels(self.home, self.endpoint)
        )
        return rows.with_columns(pl.col("event_time").dt.convert_time_zone(self.zone))


def review(evidence: Evidence, view: View) -> JSON:
    """The ``periods``, ``traffic``, ``histograms`` and ``check`` of the result."""
    found: JSON = {
        "periods": periods(evidence),
        "traffic": traffic(evidence),
        "histograms": histograms(evidence),
    }
    rows: list[JSON] = []
    logged = 0
    with view.bars() as bars:
        task = bars.add_task("drift from the log", total=len(evidence.variants))
        for one in evidence.variants:
            counts = evidence.counts_of(one.digest)
            if counts is not None:
                mine = _rows_of(evidence, one.digest)
                counted = drift.counters(one.profile, counts, one.digest, shadow=None)
                rows += recompute.recompute(one.profile, counted, mine, evidence.contract)
                logged += mine.height
            bars.advance(task)
    gap = logs.gap(evidence.home, evidence.endpoint)
    found["check"] = {"rows": logged, "gap": gap, **recompute.largest(rows)}
    return found


def periods(evidence: Evidence) -> list[JSON]:
    """One row per period: rows, label rate, each version's share and figures, and what has drifted.

    ``answers`` are the figures of whichever version answered. A version's own are those of all rows that it
    scored, whether it answered them or was scored along. A period's drift is that of the version with most of
    its answers, in what it counted since the period before ended.
    """
    scored = evidence.scored()
    threshold = evidence.contract.threshold
    everything = pl.lit("answer").alias("role")
    answers_of_all = scored.filter(pl.col("role") == "answer").with_columns(
        pl.lit("").alias("version"), pl.lit("").alias("variant")
    )
    length, every = _LENGTH[evidence.period], _EVERY[evidence.period]
    mine, current = (
        _by_period(performance(rows, every=every, threshold=threshold), length)
        for rows in (scored.with_columns(everything), answers_of_all)
    )
    period_of = pl.col("event_time").dt.strftime(_SHOWN[evidence.period]).alias("period")
    answered, means = _answered(scored, period_of), _mean_scores(scored, period_of)
    found, before = [], None
    for period, (answers,) in current.items():
        shares = {row["version"]: answered[period, row["version"]] for row in mine[period]}
        lead = max(shares, key=lambda version: shares[version])
        features = _features(evidence, lead, period, before)
        found.append(
            {
                "period": period,
                "rows": answers["rows"],
                "labelled": answers["labelled"],
                "rate": answers["positives"] / answers["labelled"] if answers["labelled"] else None,
                "answers": {name: answers[name] for name in ("auc", "brier", "accuracy")},
                "versions": {
                    row["version"]: _figures(row, means[period, row["version"]])
                    | {"answered": shares[row["version"]], "share": shares[row["version"]] / answers["rows"]}
                    for row in mine[period]
                },
                "lead": lead,
                "drifted": [row["feature"] for row in features if row["drifted"]],
                "features": features,
            }
        )
        before = period
    return found


def traffic(evidence: Evidence) -> list[JSON]:
    """The share of the answers that each version gave, by day, or hour of a short recording."""
    every = "1d" if evidence.period == "month" else "1h"
    answers = evidence.scored().filter(pl.col("role") == "answer")
    at = pl.col("event_time").dt.truncate(every).alias("at")
    counts = answers.group_by(at, "version").agg(pl.len().alias("rows")).collect()
    versions = sorted(counts["version"].unique(), key=int)
    wide = counts.pivot("version", index="at", values="rows").fill_null(0).sort("at")
    total = sum((wide[version] for version in versions), start=pl.zeros(wide.height, eager=True))
    return [
        {"at": moment.isoformat(), "version": version, "share": count / rows}
        for version in versions
        for moment, count, rows in zip(wide["at"], wide[version], total, strict=True)
    ]


def histograms(evidence: Evidence) -> list[JSON]:
    """Shares per bin, of the reference and live, for the inputs whose values moved furthest.

    They are those of the version that is in the last counts and has counted most.
    """
    from tidegate._native import ReferenceProfile

    last = evidence.snapshots[-1][1]
    counted = {
        one.version: drift.counters(one.profile, last, one.digest, shadow=None)
        for one in evidence.variants
        if one.digest in digests(last)
    }
    profiles = {one.version: one.profile for one in evidence.variants}
    rows = {version: max(row["rows"] for row in each.statistics()) for version, each in counted.items()}
    lead = max(rows, key=lambda version: rows[version])
    profile = ReferenceProfile.from_bytes(profiles[lead])
    moved = [row for row in counted[lead].statistics() if row["role"] == "input" and row["psi"] is not None]
    found = []
    for row in sorted(moved, key=lambda row: -(row["psi"] or 0.0))[:_MOST_MOVED]:
        reference, live = counted[lead].bins(row["feature"])
        names = _bin_names(profile, row["feature"], row["kind"], len(reference))
        for series, counts in (("reference", reference), ("live", live)):
            shares = counts / max(int(counts.sum()), 1)
            found += [
                {"feature": row["feature"], "bin": name, "series": series, "share": float(share)}
                for name, share in zip(names, shares, strict=True)
            ]
    return found


def _rows_of(evidence: Evidence, digest: str) -> pl.DataFrame:
    """The rows whose counts a version holds: it answered or shadowed them. Mirror rows are not counted."""
    both = [logs.rows_of(evidence.home, evidence.endpoint, digest, shadow=shadow) for shadow in (False, True)]
    return pl.concat(both, how="diagonal_relaxed").collect()


def _features(evidence: Evidence, version: str, period: str, before: str | None) -> list[JSON]:
    kept = (
        "feature",
        "rows",
        "missing",
        "psi",
        "psi_bias_corrected",
        "magnitude",
        "ks",
        "drifted",
        "drifted_by",
    )
    lead = next(one for one in evidence.variants if one.version == version)
    counts = evidence.counts_of(lead.digest, period)
    if counts is None:
        return []
    start = None if before is None else evidence.counts_of(lead.digest, before)
    counted = drift.counters(lead.profile, counts, lead.digest, shadow=None, start=start)
    return [{name: row[name] for name in kept} for row in drift.features(counted) if row["role"] == "input"]


def digests(counts: bytes) -> set[str]:
    """The versions that counts hold."""
    return set(pl.read_ipc_stream(io.BytesIO(counts), columns=["variant"])["variant"].unique())


def _by_period(rows: Sequence[JSON], length: int) -> dict[str, list[JSON]]:
    found: dict[str, list[JSON]] = {}
    for row in rows:
        found.setdefault(row["period"][:length], []).append(row)
    return found


def _answered(scored: pl.LazyFrame, period: pl.Expr) -> Counter[tuple[str, str]]:
    """How many rows each version answered, by period and version."""
    counts = scored.filter(pl.col("role") == "answer").group_by(period, "version").agg(pl.len()).collect()
    return Counter({(row[0], row[1]): row[2] for row in counts.iter_rows()})


def _mean_scores(scored: pl.LazyFrame, period: pl.Expr) -> dict[tuple[str, str], float]:
    means = scored.group_by(period, "version").agg(pl.col("score").mean()).collect()
    return {(row[0], row[1]): row[2] for row in means.iter_rows()}


def _figures(row: JSON, mean_score: float) -> JSON:
    kept = ("rows", "labelled", "auc", "brier", "accuracy")
    return {name: row[name] for name in kept} | {"mean_score": mean_score}


def _bin_names(profile: ReferenceProfile, feature: str, kind: str, bins: int) -> list[str]:
    if kind == "categorical":
        names = [category.decode(errors="replace") for category in profile.categories(feature)[0]]
        return [*names, "(rare)", "(unseen)"][:bins]
    edges = [f"{edge:g}" for edge in profile.edges(feature)]
    if not edges:
        return [*(f"{point:g}" for point in profile.points(feature)), "(other)"][:bins]
    return [*(f"to {edge}" for edge in edges), f"over {edges[-1]}"]
