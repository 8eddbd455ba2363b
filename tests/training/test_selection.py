"""The choice of rows to train on again: what each candidate sees, the rule by hand, and small worlds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tidegate.training import selection
from tidegate.training.selection import CANDIDATES, choose, compare, draw, lay_out


@st.composite
def histories(make: st.DrawFn) -> tuple[NDArray[np.int64], int | None]:
    """Sorted moments, many of them equal, and a change within or outside of them."""
    size = make(st.integers(1, 3000))
    random = np.random.default_rng(make(st.integers(0, 2**32 - 1)))
    moments = np.sort(random.integers(0, make(st.integers(1, 2000)), size))
    change = make(st.none() | st.integers(-10, 2010))
    return moments, change


@given(histories(), st.sampled_from(sorted(CANDIDATES)), st.integers(1, 5000))
def test_nobody_trains_on_a_block_or_later(
    history: tuple[NDArray[np.int64], int | None], candidate: str, most: int
) -> None:
    moments, change = history
    layout = lay_out(moments, change)
    if layout is None:
        return
    assert layout.end == len(moments)
    assert layout.end - layout.held_out >= selection.FEWEST
    assert sum(block.stop - block.start for block in layout.blocks) >= selection.FEWEST
    assert [block.stop for block in layout.blocks] == [
        *(block.start for block in layout.blocks[1:]),
        layout.held_out,
    ]
    if change is not None:
        assert (moments[layout.change :] >= change).all()
        assert (moments[: layout.change] < change).all()
    for block in (*layout.blocks, slice(layout.held_out, layout.end)):
        rows, weights = draw(candidate, layout.change, block.start, most)
        assert len(rows) == len(weights) <= most
        assert (np.diff(rows) > 0).all()
        assert moments[rows].max() < moments[block.start]


@pytest.mark.parametrize(
    ("candidate", "rows", "older"),
    [
        ("R1", 10_000, 9_000),
        ("R2", 10_000, 9_000),
        ("R3", 3_000, 2_000),
        ("R4", 2_000, 1_000),
        ("R5", 1_000, 0),
    ],
)
def test_each_candidate_draws_what_it_says(candidate: str, rows: int, older: int) -> None:
    drawn, weights = draw(candidate, 9_000, 10_000)
    assert len(drawn) == rows
    assert (drawn < 9_000).sum() == older
    assert set(weights[drawn >= 9_000]) == {5.0 if candidate == "R2" else 1.0}
    assert set(weights[drawn < 9_000]) <= {1.0}
    again, _ = draw(candidate, 9_000, 10_000)
    assert (again == drawn).all()


def test_a_reservoir_is_uniform() -> None:
    share = np.mean([draw("R1", 900, 1000, 100, seed)[0].mean() for seed in range(200)])
    assert abs(share - 499.5) < 4 * 288.7 / np.sqrt(100 * 200)
    counts = np.bincount(np.concatenate([draw("R1", 900, 1000, 100, seed)[0] for seed in range(500)]))
    assert counts.min() > 20  # each of 1000 rows is expected 50 times
    assert counts.max() < 90


def test_too_few_rows_are_said() -> None:
    moments = np.arange(1000)
    assert lay_out(moments, 1000 - 299) is None
    layout = lay_out(moments, 1000 - 301)
    assert layout is not None
    assert (layout.held_out, layout.blocks[0].start) == (900, 800)
    assert lay_out(np.arange(2000)) is None
    assert lay_out(np.zeros(5000, dtype=np.int64)) is None
    by_default = lay_out(np.arange(5000))
    assert by_default is not None
    assert (by_default.change, by_default.held_out) == (4500, 4900)


def test_the_rule_by_hand() -> None:
    best = [0.50, 0.52, 0.51, 0.49, 0.53]
    # Differences 0.01, 0.03, -0.02, 0.02, 0.00: mean 0.008, standard deviation 0.01924, error 0.0086.
    near = [0.51, 0.55, 0.49, 0.51, 0.53]
    far = [value + 0.01 for value in best]  # always 0.01 worse: no error at all
    found = choose({"R1": far, "R2": near, "R3": "one value of the target", "R4": near, "R5": best})
    assert (found["best"], found["chosen"]) == ("R5", "R2")
    rows = {row["candidate"]: row for row in found["table"]}
    assert rows["R2"]["difference"] == pytest.approx(0.008)
    assert rows["R2"]["se"] == pytest.approx(0.0086023, abs=1e-6)
    assert rows["R1"]["difference"] == pytest.approx(0.01)
    assert rows["R1"]["se"] == pytest.approx(0.0, abs=1e-12)
    assert [rows[name]["within"] for name in CANDIDATES] == [False, True, False, True, True]
    assert rows["R3"]["reason"] == "one value of the target"
    assert "above that of R5" in found["says"]
    assert choose({"R1": best, "R5": near})["says"].startswith("R1 (all rows) has the smallest loss, 0.5100")
    assert choose(dict.fromkeys(CANDIDATES, "no"))["chosen"] is None


def world(drift: str, seed: int, rows: int = 6000, since: int = 800) -> str:
    """What is chosen when ``since`` rows ago the concept changed, the covariates moved, or nothing did."""
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 4))
    new = np.arange(rows) >= rows - since
    if drift == "covariates":
        features[new] += 0.5
    weights = np.where((new & (drift == "concept"))[:, None], [-1.0, 1.0, 1.0, 0.0], [1.0, -1.0, 0.5, 0.0])
    target = (random.random(rows) < 1 / (1 + np.exp(-(features * weights).sum(axis=1)))).astype(np.int64)

    def fit(chosen: NDArray[np.int64], given: NDArray[np.float64]) -> Callable[[slice], NDArray[np.float64]]:
        model = LogisticRegression().fit(features[chosen], target[chosen], sample_weight=given)
        return lambda block: model.predict_proba(features[block])[:, 1]

    layout = lay_out(np.arange(rows), rows - since)
    assert layout is not None
    name = choose(compare(layout, target, fit))["chosen"]
    assert isinstance(name, str)
    return name


def test_all_rows_are_kept_without_a_concept_change() -> None:
    for drift in ("none", "covariates"):
        picks = [world(drift, seed) for seed in range(8)]
        assert picks.count("R1") >= 6, (drift, picks)


def test_old_rows_are_left_after_an_abrupt_change() -> None:
    assert [world("concept", seed) for seed in range(8)].count("R5") >= 7


def test_one_value_of_the_target_is_no_training_set() -> None:
    moments = np.arange(3000)
    layout = lay_out(moments, 2000)
    assert layout is not None
    target = (np.arange(3000) % 2) * (np.arange(3000) < 2000)

    def fit(chosen: NDArray[np.int64], given: NDArray[np.float64]) -> Callable[[slice], NDArray[np.float64]]:
        return lambda block: np.full(block.stop - block.start, target[chosen].mean())

    found = compare(layout, target, fit)
    assert found["R5"] == "before block 1 its rows have one value of the target"
    assert not isinstance(found["R1"], str)
    assert choose(found)["chosen"] in {"R2", "R3", "R4"}
