"""What the loop was worth: figures equal naive ones, errors those of resampled days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tidegate.replay.worth import Scores, _auc, worth


def made(seed: int, *, days: int = 60, rows: int = 80, help_by: float = 0.5) -> Scores:
    """Rows whose score errs by the day, the current one a little less."""
    rng = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(days), rows)
    hard = rng.normal(0, 1.0, days)[blocks]
    truth = rng.normal(0, 1, days * rows)
    labels = (rng.random(days * rows) < 1 / (1 + np.exp(-truth - 0.5 * hard))).astype(float)
    stale = 1 / (1 + np.exp(-truth - rng.normal(0, 1, days * rows)))
    current = 1 / (1 + np.exp(-truth - help_by * 0.5 * hard - rng.normal(0, 1, days * rows)))
    periods = np.where(blocks < days // 2, "2013-03", "2013-04")
    return Scores(labels, current, stale, periods, blocks)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=60))
def test_auc_is_the_usual_one_with_ties(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([float(label) for label, _ in rows])
    scores = np.array([score / 5 for _, score in rows])
    found, influence = _auc(labels, scores)
    if 0 < labels.sum() < len(labels):
        assert found == pytest.approx(roc_auc_score(labels, scores))
        assert influence.sum() == pytest.approx(0, abs=1e-12)
    else:
        assert found is None


def test_the_figures_are_the_naive_ones() -> None:
    found = made(1)
    figures = worth(found)
    march = found.part(found.periods == "2013-03")
    row = figures["periods"][0]
    assert row["brier"]["gain"] == pytest.approx(
        ((march.current - march.labels) ** 2).mean() - ((march.stale - march.labels) ** 2).mean()
    )
    flagged = np.argsort(-march.current, kind="stable")[: round(len(march.labels) * 0.2)]
    assert row["hits"]["current"] == march.labels[flagged].sum()
    assert figures["all"]["hits"]["stale"] == sum(one["hits"]["stale"] for one in figures["periods"])
    assert figures["all"]["rows"] == len(found.labels)
    aucs = [one["auc"] for one in figures["periods"]]
    assert figures["all"]["auc"]["current"] == pytest.approx(np.mean([one["current"] for one in aucs]))
    assert figures["all"]["auc"]["error"] == pytest.approx(
        np.sqrt(sum((one["error"] / 2) ** 2 for one in aucs))
    )


def test_scores_that_tie_are_flagged_in_part() -> None:
    labels, equal = np.array([1.0, 0.0] * 50), np.full(100, 0.3)
    found = Scores(labels, equal, equal, np.full(100, "2013-03"), np.arange(100) // 10)
    hits = worth(found)["all"]["hits"]
    assert hits["current"] == hits["stale"] == pytest.approx(10.0)
    assert hits["gain"] == hits["error"] == 0
    assert hits["better"] is False


@pytest.mark.parametrize("name", ["auc", "brier", "hits"])
def test_the_error_is_that_of_resampled_days(name: str) -> None:
    found = made(2)
    rng = np.random.default_rng(3)
    days = [np.flatnonzero(found.blocks == day) for day in range(60)]

    def again() -> float:
        drawn = [days[day] for day in rng.integers(0, 60, 60)]
        rows: NDArray[np.int64] = np.concatenate(drawn)
        return float(worth(found.part(rows))["all"][name]["gain"])  # type: ignore[arg-type]

    spread = np.std([again() for _ in range(200)])
    assert worth(found)["all"][name]["error"] == pytest.approx(spread, rel=0.35)


def test_better_means_more_auc_and_hits_and_less_brier() -> None:
    figures = worth(made(4, days=200))["all"]
    assert figures["auc"]["gain"] > 0
    assert figures["brier"]["gain"] < 0
    assert all(figures[name]["better"] for name in ("auc", "brier", "hits"))
    assert figures["brier"]["gain"] < -2 * figures["brier"]["error"]


def test_one_day_has_no_error() -> None:
    found = made(5, days=1)
    assert worth(found)["all"]["auc"]["error"] is None
