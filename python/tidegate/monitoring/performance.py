"""How well each version answered, once labels have come: by period, answers and shadows apart."""

from __future__ import annotations

from typing import Any

import polars as pl

from tidegate.errors import InvalidInputError

_KEYS = ["period", "model", "version", "variant", "role"]
_EPSILON = 2.0**-52
"""Probabilities are clipped by it before a logarithm, as scikit-learn does."""
_SLACK = 1e-5
"""How far a probability may leave [0, 1]: a forest's float32 sum can end a few ulps above 1."""


def performance(scored: pl.LazyFrame, *, every: str = "1mo", threshold: float = 0.5) -> list[dict[str, Any]]:
    """The performance of each version in each period of event time.

    Args:
        scored: rows of :func:`tidegate.monitoring.logs.labelled`.
        every: the length of a period as polars writes it: ``1mo``, ``1d``, ``1w``.
        threshold: a score above it decides for the positive class.

    Returns:
        One row per period, version and role, by period, version and role: ``role`` (``answer``, ``shadow``,
        or ``mirror`` for what a version that answers was scored on beside its own requests), ``shadow``
        (whether others answered), ``rows``, ``share`` (of the period's answers; null for what others
        answered), ``labelled``, ``positives``, ``accuracy``, ``auc``, ``brier``,
        ``log_loss``, and ``reasons`` for each figure that is None: ``NO_LABEL``; ``NO_POSITIVE``,
        ``NO_NEGATIVE`` (AUC of one class); ``NOT_BINARY`` (a label other than 0 and 1); ``NOT_PROBABILITY``
        (a score or label outside of [0, 1]).

    Raises:
        InvalidInputError: ``every`` is no period.

    """
    try:
        table = _table(scored, every, threshold)
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(f"{every!r} is no period; write 1mo, 1w or 1d") from error
    answered: dict[Any, int] = {}
    for row in table:
        if row["role"] == "answer":
            answered[row["period"]] = answered.get(row["period"], 0) + row["rows"]
    return [_report(row, answered) for row in sorted(table, key=_order)]


def _table(scored: pl.LazyFrame, every: str, threshold: float) -> list[dict[str, Any]]:
    score, label = pl.col("score"), pl.col("label")
    usable = label.is_not_null() & label.is_not_nan() & score.is_not_null() & score.is_not_nan()
    # An expression, so that the ranks are those within a group, ties sharing their mean.
    ranks = score.filter(usable).rank("average")
    y, raw = label.filter(usable), score.filter(usable)
    p = raw.clip(0.0, 1.0)
    clipped = p.clip(_EPSILON, 1.0 - _EPSILON)
    grouped = scored.with_columns(period=pl.col("event_time").dt.truncate(every)).group_by(_KEYS)
    return (
        grouped.agg(
            rows=pl.len(),
            labelled=usable.sum(),
            positives=(y == 1.0).sum(),
            binary=y.is_in([0.0, 1.0]).all(),
            probabilities=(raw.is_between(-_SLACK, 1.0 + _SLACK) & y.is_between(0.0, 1.0)).all(),
            accuracy=((raw > threshold) == (y == 1.0)).mean(),
            rank_sum=ranks.filter(y == 1.0).sum(),
            brier=((p - y) ** 2).mean(),
            log_loss=-(y * clipped.log() + (1.0 - y) * (1.0 - clipped).log()).mean(),
        )
        .collect()
        .to_dicts()
    )


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    version = row["version"]
    number = int(version) if version.isdigit() else 0
    return (row["period"], row["model"], number, version, row["role"])


def _report(row: dict[str, Any], answered: dict[Any, int]) -> dict[str, Any]:
    n, positives = row["labelled"], row["positives"]
    negatives = n - positives
    figures: dict[str, float | None] = {name: row[name] for name in ("accuracy", "brier", "log_loss")}
    figures["auc"] = None
    reasons: dict[str, str] = {}
    if n == 0:
        reasons = dict.fromkeys(figures, "NO_LABEL")
    else:
        if not row["probabilities"]:
            reasons |= dict.fromkeys(("brier", "log_loss"), "NOT_PROBABILITY")
        if not row["binary"]:
            reasons |= dict.fromkeys(("accuracy", "auc"), "NOT_BINARY")
        elif positives == 0 or negatives == 0:
            reasons["auc"] = "NO_NEGATIVE" if positives else "NO_POSITIVE"
        else:
            # Mann-Whitney: the share of (positive, negative) pairs in order, ties counting one half.
            above = row["rank_sum"] - positives * (positives + 1) / 2
            figures["auc"] = above / (positives * negatives)
    answered_by_others = row["role"] != "answer"
    return {
        "period": row["period"].isoformat(),
        "model": row["model"],
        "version": row["version"],
        "variant": row["variant"],
        "role": row["role"],
        "shadow": answered_by_others,
        "rows": row["rows"],
        "share": None if answered_by_others else row["rows"] / answered[row["period"]],
        "labelled": n,
        "positives": positives,
        **{name: None if name in reasons else value for name, value in sorted(figures.items())},
        "reasons": reasons,
    }
