"""The comparison with the parent: its figures by hand, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from onnx import TensorProto, helper

from tidegate.errors import PreconditionError
from tidegate.training.duel import duel, scores
from tidegate.types import Contract, InputSpec, ScoreSpec

DAY = 86_400_000_000


def test_figures_by_hand() -> None:
    moments = np.repeat(np.arange(6), 2) * DAY
    target = np.array([0, 1] * 6)
    candidate = np.full(12, 0.5)
    parent = np.where(target == 1, 0.4, np.repeat([0.5, 0.6, 0.5, 0.6, 0.5, 0.6], 2))
    found = duel(moments, target, parent, candidate)
    # A positive costs the parent 0.36 against 0.25; a negative 0.25 or 0.36 against 0.25.
    gains = np.array([0.0, 0.11, 0.11, 0.11] * 3)
    sums = np.array([0.11, 0.22] * 3) - 2 * gains.mean()
    error = np.sqrt(6 / 5 * (sums**2).sum()) / 12
    assert found["gain"] == pytest.approx(gains.mean())
    assert found["gain_se"] == pytest.approx(error)
    assert found["gain_low"] == pytest.approx(gains.mean() - 2.0150484 * error)
    assert (found["by"], found["groups"], found["rows"], found["better"]) == ("day", 6, 12, True)
    assert found["parent_brier"] - found["brier"] == pytest.approx(found["gain"])
    assert (found["auc"], found["parent_auc"]) == (0.5, pytest.approx(0.0))


def test_few_days_are_cut_into_parts() -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 2, 200)
    found = duel(np.arange(200), target, np.full(200, 0.5), np.where(target == 1, 0.6, 0.4))
    assert (found["by"], found["groups"], found["better"]) == ("part", 10, True)
    same = duel(np.arange(200), target, np.full(200, 0.5), np.full(200, 0.5))
    assert (same["gain"], same["better"]) == (0.0, False)
    one = duel(np.arange(200), np.zeros(200, dtype=np.int64), np.full(200, 0.5), np.full(200, 0.4))
    assert (one["auc"], one["parent_auc"]) == (None, None)


def test_a_model_that_is_no_better_is_seldom_called_so() -> None:
    wrong = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        moments = np.repeat(np.arange(8), 100) * DAY
        mood = np.repeat(random.normal(0, 0.1, 8), 100)  # what a day does to all its rows
        target = (random.random(800) < 0.5 + mood).astype(np.int64)
        up, down = np.full(800, 0.55), np.full(800, 0.45)
        wrong += duel(moments, target, up, down)["better"]
    assert wrong <= 300 * 0.05 + 3 * np.sqrt(300 * 0.05 * 0.95)


def test_scores_must_be_probabilities() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    same = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", [value], [same])
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    spec = InputSpec(name="x", datatype="FP32", shape=[-1, 1], columns=["x"])
    contract = Contract(inputs=[spec], outputs=[], score=ScoreSpec(output="y"))
    data = onnx.SerializeToString()
    assert scores(data, contract, pl.DataFrame({"x": [0.25, 1.0]})).tolist() == [0.25, 1.0]
    with pytest.raises(PreconditionError, match="no probabilities"):
        scores(data, contract, pl.DataFrame({"x": [0.25, 2.0]}))
    with pytest.raises(PreconditionError, match="names no score"):
        scores(data, contract.model_copy(update={"score": None}), pl.DataFrame({"x": [0.25]}))
