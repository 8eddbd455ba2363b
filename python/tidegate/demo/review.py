"""What came of it, from logs and counters: months, versions, drift, and the drift figures once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tidegate.demo.flights import LOCAL_TIME_ZONE
from tidegate.demo.view import View
from tidegate.monitoring import drift, logs, recompute
from tidegate.monitoring.performance import performance
from tidegate.types import Contract

if TYPE_CHECKING:
    from tidegate._native import ReferenceProfile

JSON = dict[str, Any]
_MOST_MOVED = 4


@dataclass(frozen=True)
class Variant:
    """A version at work."""

    version: str
    digest: str
    profile: bytes
    shadow: bool


@dataclass(frozen=True)
class Evidence:
    """What the stopped server left behind."""

    home: Path
    endpoint: str
    contract: Contract
    variants: list[Variant]
    """The one with most of the traffic first: the drift that is shown is that of its rows."""
    snapshots: Mapping[str, bytes]
    """The counts at the end of each month, in order."""

    @property
    def counts(self) -> bytes:
        """The counts at the end."""
        return list(self.snapshots.values())[-1]


def review(evidence: Evidence, view: View) -> JSON:
    """The ``months``, ``histograms`` and ``check`` of the result."""
    found: JSON = {"months": months(evidence), "histograms": histograms(evidence)}
    rows: list[JSON] = []
    logged = 0
    with view.bars() as bars:
        task = bars.add_task("drift from the log", total=len(evidence.variants))
        for one in evidence.variants:
            scored = logs.rows_of(evidence.home, evidence.endpoint, one.digest, shadow=one.shadow).collect()
            counted = drift.counters(one.profile, evidence.counts, one.digest, shadow=one.shadow)
            rows += recompute.recompute(one.profile, counted, scored, evidence.contract)
            logged += scored.height
            bars.advance(task)
    gap = logs.gap(evidence.home, evidence.endpoint)
    found["check"] = {"rows": logged, "gap": gap, **recompute.largest(rows)}
    return found


def months(evidence: Evidence) -> list[JSON]:
    """One row per month: rows, late rate, each version's share and figures, and what has drifted.

    Months are those of the origins' clock; a month's drift is in what was counted since the one before ended.
    """
    scored = logs.labelled(
        logs.predictions(evidence.home, evidence.endpoint), logs.labels(evidence.home, evidence.endpoint)
    ).with_columns(pl.col("event_time").dt.convert_time_zone(LOCAL_TIME_ZONE))
    figures: dict[str, list[JSON]] = {}
    for row in performance(scored, threshold=evidence.contract.threshold):
        figures.setdefault(row["period"][:7], []).append(row)
    means = _mean_scores(scored)
    found, before = [], None
    for month, counts in evidence.snapshots.items():
        features = _features(evidence.variants[0], counts, before)
        found.append(
            {
                "month": month,
                **_totals(figures[month]),
                "versions": {
                    row["version"]: _figures(row, means[month, row["version"]]) for row in figures[month]
                },
                "drifted": [row["feature"] for row in features if row["drifted"]],
                "features": features,
            }
        )
        before = counts
    return found


def histograms(evidence: Evidence) -> list[JSON]:
    """Shares per bin, of the reference and of all live rows, for the inputs whose values moved furthest."""
    from tidegate._native import ReferenceProfile

    lead = evidence.variants[0]
    counted = drift.counters(lead.profile, evidence.counts, lead.digest)
    profile = ReferenceProfile.from_bytes(lead.profile)
    moved = [row for row in counted.statistics() if row["role"] == "input" and row["psi"] is not None]
    found = []
    for row in sorted(moved, key=lambda row: -(row["psi"] or 0.0))[:_MOST_MOVED]:
        reference, live = counted.bins(row["feature"])
        names = _bin_names(profile, row["feature"], row["kind"], len(reference))
        for series, counts in (("reference", reference), ("live", live)):
            shares = counts / max(int(counts.sum()), 1)
            found += [
                {"feature": row["feature"], "bin": name, "series": series, "share": float(share)}
                for name, share in zip(names, shares, strict=True)
            ]
    return found


def _features(lead: Variant, counts: bytes, before: bytes | None) -> list[JSON]:
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
    counted = drift.counters(lead.profile, counts, lead.digest, start=before)
    return [{name: row[name] for name in kept} for row in drift.features(counted) if row["role"] == "input"]


def _mean_scores(scored: pl.LazyFrame) -> dict[tuple[str, str], float]:
    month = pl.col("event_time").dt.strftime("%Y-%m").alias("month")
    means = scored.group_by(month, "version").agg(pl.col("score").mean()).collect()
    return {(row[0], row[1]): row[2] for row in means.iter_rows()}


def _totals(rows: list[JSON]) -> JSON:
    answers = [row for row in rows if not row["shadow"]]
    labelled = sum(row["labelled"] for row in answers)
    return {
        "rows": sum(row["rows"] for row in answers),
        "labelled": labelled,
        "late_rate": sum(row["positives"] for row in answers) / labelled if labelled else None,
    }


def _figures(row: JSON, mean_score: float) -> JSON:
    kept = ("shadow", "rows", "share", "labelled", "auc", "brier", "accuracy")
    return {name: row[name] for name in kept} | {"mean_score": mean_score}


def _bin_names(profile: ReferenceProfile, feature: str, kind: str, bins: int) -> list[str]:
    if kind == "categorical":
        names = [category.decode(errors="replace") for category in profile.categories(feature)[0]]
        return [*names, "(rare)", "(unseen)"][:bins]
    edges = [f"{edge:g}" for edge in profile.edges(feature)]
    if not edges:
        return [*(f"{point:g}" for point in profile.points(feature)), "(other)"][:bins]
    return [*(f"to {edge}" for edge in edges), f"over {edges[-1]}"]
