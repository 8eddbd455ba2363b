"""Performance figures equal scikit-learn's; what is undefined says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.spools import scored
from tidegate.errors import InvalidInputError
from tidegate.monitoring.logs import PREDICTIONS
from tidegate.monitoring.performance import performance

MONTH = 60 * 24 * 31


def frame(rows: list[dict[str, Any]]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema={**PREDICTIONS, "label": pl.Float64()})


def of(scores: list[float | None], labels: list[float | None], **more: Any) -> dict[str, Any]:
    rows = [scored(str(i), score=s, label=y) for i, (s, y) in enumerate(zip(scores, labels, strict=True))]
    [found] = performance(frame(rows), **more)
    return found


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_equals_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    from sklearn import metrics

    scores, labels = np.array([s for s, _ in pairs]), np.array([int(y) for _, y in pairs])
    found = of(scores.tolist(), labels.astype(float).tolist())
    assert found["rows"] == found["labelled"] == len(pairs)
    assert found["positives"] == labels.sum()
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, scores > 0.5), abs=1e-15)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(labels, scores), abs=1e-15)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, scores, labels=[0, 1]), rel=1e-12)
    if 0 < labels.sum() < len(labels):
        assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
        assert found["reasons"] == {}
    else:
        assert found["auc"] is None
        assert found["reasons"] == {"auc": "NO_NEGATIVE" if labels.sum() else "NO_POSITIVE"}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.3000001, 0.9]), st.booleans()), min_size=2, max_size=20)
)
def test_auc_is_the_share_of_ordered_pairs(pairs: list[tuple[float, bool]]) -> None:
    positive, negative = [s for s, y in pairs if y], [s for s, y in pairs if not y]
    found = of([s for s, _ in pairs], [float(y) for _, y in pairs])
    if positive and negative:
        wins = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
        assert found["auc"] == pytest.approx(wins / (len(positive) * len(negative)), abs=1e-15)


def test_rows_without_label_or_score_do_not_count() -> None:
    found = of([0.9, 0.1, None, 0.9, float("nan")], [1.0, 0.0, 1.0, None, 0.0])
    assert (found["rows"], found["labelled"], found["accuracy"], found["auc"]) == (5, 2, 1.0, 1.0)
    nothing = of([0.9], [None])
    assert (nothing["labelled"], nothing["brier"]) == (0, None)
    assert set(nothing["reasons"]) == {"accuracy", "auc", "brier", "log_loss"}
    assert set(nothing["reasons"].values()) == {"NO_LABEL"}


def test_undefined_figures_say_why() -> None:
    shares = of([0.9, 0.1], [0.5, 0.0])
    assert (shares["accuracy"], shares["auc"]) == (None, None)
    assert shares["brier"] == pytest.approx((0.4**2 + 0.1**2) / 2)
    assert shares["reasons"] == {"accuracy": "NOT_BINARY", "auc": "NOT_BINARY"}
    margins = of([3.0, -1.0], [1.0, 0.0])
    assert (margins["auc"], margins["accuracy"], margins["brier"], margins["log_loss"]) == (
        1.0,
        1.0,
        None,
        None,
    )
    assert margins["reasons"] == {"brier": "NOT_PROBABILITY", "log_loss": "NOT_PROBABILITY"}


def test_a_forest_may_end_a_few_ulps_above_one() -> None:
    found = of([1.0000003576278687, 0.2], [1.0, 0.0])
    assert found["reasons"] == {}
    assert found["brier"] == pytest.approx(0.02)


def test_threshold_decides() -> None:
    assert of([0.3, 0.1], [1.0, 0.0], threshold=0.2)["accuracy"] == 1.0
    assert of([0.3, 0.1], [1.0, 0.0], threshold=0.3)["accuracy"] == 0.5  # not above it


def test_groups_by_period_and_version_and_shows_shadows() -> None:
    rows = [
        scored("a", label=1.0, score=0.9),
        scored("b", label=0.0, score=0.1),
        scored("c", version="10", label=0.0, score=0.9),
        scored("d", version="2", label=None),
        scored("a", version="3", role="shadow", label=1.0, score=0.2),
        scored("e", minutes=MONTH, label=1.0),
    ]
    found = performance(frame(rows))
    assert [(r["period"][:7], r["version"], r["shadow"], r["rows"], r["share"]) for r in found] == [
        ("2013-03", "1", False, 2, 0.5),
        ("2013-03", "2", False, 1, 0.25),
        ("2013-03", "3", True, 1, None),
        ("2013-03", "10", False, 1, 0.25),
        ("2013-04", "1", False, 1, 1.0),
    ]
    assert found[0]["auc"] == 1.0
    assert found[3]["accuracy"] == 0.0
    assert len(performance(frame(rows), every="1d")) == 5
    with pytest.raises(InvalidInputError, match="'fortnight' is no period"):
        performance(frame(rows), every="fortnight")
    assert performance(frame([])) == []
