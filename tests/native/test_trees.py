"""Tree ensembles answer natively as onnxruntime answers on one thread, byte for byte, in any batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from tests.native import families

from tidegate._native import Scorer
from tidegate.errors import InvalidInputError

CASES = [(family, kind) for family, (_, kinds) in families.MAKERS.items() for kind in kinds]
BATCHES = [1, 2, 7, 8, 9, 31, 32, 33, 64, 1000]
ROWS = 20_000
MANY_ROWS = 1_000_000
SINGLE = 300
"""Rows that are scored one by one."""


class Pair:
    """A model here and in onnxruntime."""

    def __init__(self, data: bytes, library: Path) -> None:
        self.ours = Scorer(data, library)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.theirs = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        (self.input,) = [each.name for each in self.theirs.get_inputs()]

    def same(self, rows: families.Rows) -> None:
        ours = self.ours.score({self.input: rows})
        theirs = self.theirs.run(None, {self.input: rows})
        assert list(ours) == [output.name for output in self.theirs.get_outputs()]
        for got, expected in zip(ours.values(), theirs, strict=True):
            assert got.shape == expected.shape
            assert got.dtype == expected.dtype
            if expected.dtype == object:
                assert got.tolist() == expected.tolist()
            else:
                assert got.tobytes() == expected.tobytes()


@pytest.fixture(scope="module")
def data(request: pytest.FixtureRequest) -> bytes:
    family, kind = request.param
    return families.MAKERS[family][0](kind)


every = pytest.mark.parametrize("data", CASES, ids="-".join, indirect=True)


@every
def test_every_batch_is_equal(data: bytes, library: Path) -> None:
    pair = Pair(data, library)
    assert pair.ours.runs_on == "trees", pair.ours.reason
    assert "equal to ONNX Runtime on" in pair.ours.reason
    rows = families.rows(data, ROWS)
    for row in range(SINGLE):
        pair.same(rows[row : row + 1])
    first, turn = SINGLE, 0
    while first < ROWS:
        batch = BATCHES[1:][turn % (len(BATCHES) - 1)]
        pair.same(rows[first : first + batch])
        first, turn = first + batch, turn + 1


@pytest.mark.slow
@every
def test_a_million_rows_are_equal(data: bytes, library: Path) -> None:
    pair = Pair(data, library)
    assert pair.ours.runs_on == "trees", pair.ours.reason
    for seed in range(MANY_ROWS // 10_000):
        rows = families.rows(data, 10_000, seed)
        batch = BATCHES[seed % len(BATCHES)] if seed >= len(BATCHES) else 1000
        for first in range(0, len(rows), batch):
            pair.same(rows[first : first + batch])


@pytest.mark.parametrize("data", [("histogram", "binary")], ids=["histogram"], indirect=True)
def test_the_signature_is_that_of_onnxruntime(data: bytes, library: Path) -> None:
    forced = Scorer(data, library, kernel="onnxruntime")
    assert (forced.runs_on, forced.reason) == (
        "onnxruntime",
        "runs on ONNX Runtime: the setting kernel asks for it",
    )
    native = Scorer(data, library)
    assert native.runs_on == "trees"
    assert native.signature() == forced.signature()


@pytest.mark.parametrize("data", [("histogram", "binary")], ids=["histogram"], indirect=True)
def test_what_does_not_fit_is_named(data: bytes, library: Path) -> None:
    scorer = Scorer(data, library)
    assert scorer.runs_on == "trees"
    wrong: list[Any] = [
        np.zeros((3, families.COLUMNS + 1), dtype=np.float32),
        np.zeros((0, families.COLUMNS), dtype=np.float32),
        np.zeros((3, families.COLUMNS), dtype=np.float64),
    ]
    for value in wrong:
        with pytest.raises(InvalidInputError, match="input 'X' must be FP32"):
            scorer.score({"X": value})


def _changed(data: bytes, **attributes: Any) -> bytes:
    model = onnx.load_from_string(data)
    (node,) = [node for node in model.graph.node if node.op_type.startswith("TreeEns")]
    for name, value in attributes.items():
        kept = [attribute for attribute in node.attribute if attribute.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])
    return model.SerializeToString()


@pytest.mark.parametrize("data", [("forest", "number")], ids=["forest"], indirect=True)
def test_every_comparison_is_equal_or_left_to_onnxruntime(data: bytes, library: Path) -> None:
    model = onnx.load_from_string(data)
    (node,) = [node for node in model.graph.node if node.op_type.startswith("TreeEns")]
    (modes,) = [list(attribute.strings) for attribute in node.attribute if attribute.name == "nodes_modes"]
    tracks = [index % 3 == 0 for index in range(len(modes))]
    for mode in ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]:
        named = ["LEAF" if each == b"LEAF" else mode for each in modes]
        changed = _changed(data, nodes_modes=named, nodes_missing_value_tracks_true=[int(t) for t in tracks])
        pair = Pair(changed, library)
        assert pair.ours.runs_on == "trees", pair.ours.reason
        rows = families.rows(changed, 2000)
        pair.same(rows)
        for row in range(50):
            pair.same(rows[row : row + 1])
    named = ["LEAF" if each == b"LEAF" else "BRANCH_EQ" for each in modes]
    pair = Pair(_changed(data, nodes_modes=named), library)
    assert pair.ours.runs_on == "onnxruntime"
    assert "compares in a way that the native kernel does not know" in pair.ours.reason


@pytest.mark.parametrize("data", [("forest", "numbers")], ids=["forest"], indirect=True)
@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
def test_transforms_and_aggregates(data: bytes, library: Path, aggregate: str, transform: str) -> None:
    changed = _changed(data, aggregate_function=aggregate, post_transform=transform, base_values=[0.25, -1.5])
    pair = Pair(changed, library)
    left = aggregate in {"MIN", "MAX"} or transform == "PROBIT"
    assert pair.ours.runs_on == ("onnxruntime" if left else "trees"), pair.ours.reason
    pair.same(families.rows(changed, 2000))


def _followed_by(data: bytes, operator: str) -> bytes:
    model = onnx.load_from_string(data)
    output = model.graph.output[-1]
    model.graph.node.append(helper.make_node(operator, [output.name], ["after"]))
    output.name = "after"
    return model.SerializeToString()


@pytest.mark.parametrize("data", [("tree", "number")], ids=["tree"], indirect=True)
def test_unknown_graphs_run_on_onnxruntime_and_say_why(data: bytes, library: Path) -> None:
    pair = Pair(_followed_by(data, "Softmax"), library)
    expected = "runs on ONNX Runtime: the graph has a node Softmax that the native kernel does not know"
    assert (pair.ours.runs_on, pair.ours.reason) == ("onnxruntime", expected)
    pair.same(families.rows(data, 100))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    plain = Scorer(model.SerializeToString(), library)
    assert plain.reason == "runs on ONNX Runtime: the graph is no tree ensemble"


def test_a_kernel_that_there_is_not(library: Path) -> None:
    wrong: Any = "quick"
    with pytest.raises(InvalidInputError, match="kernel must be 'auto' or 'onnxruntime', got 'quick'"):
        Scorer(b"", library, kernel=wrong)


@pytest.mark.parametrize(
    "estimator", ["random_forest", "gradient_boosting", "hist_gradient_boosting", "logistic_regression"]
)
def test_what_training_makes_runs_natively_if_it_is_trees(estimator: Any, library: Path) -> None:
    import polars as pl

    from tidegate.training.conversion import convert
    from tidegate.training.pipelines import fit, training_frame
    from tidegate.training.recipes import Recipe

    rng = np.random.default_rng(3)
    count = 800
    wind = np.where(rng.random(count) < 0.1, np.nan, rng.normal(size=count)).astype(np.float32)
    frame = pl.DataFrame(
        {
            "distance": rng.normal(size=count).astype(np.float32),
            "wind": wind,
            "hour": rng.integers(0, 24, count),
            "carrier": rng.choice(["AA", "UA", "DL"], count),
            "origin": rng.choice(["JFK", "EWR"], count),
        }
    )
    late = (frame["distance"].to_numpy() + frame["hour"].to_numpy() / 12 > 1).astype(np.int64)
    recipe = Recipe(
        name="flights",
        estimator=estimator,
        params={},
        numeric=["distance", "wind"],
        integer=["hour"],
        categorical=["carrier", "origin"],
        target="late",
    )
    data = convert(fit(recipe, training_frame(frame, recipe), late), recipe)
    scorer = Scorer(data, library)
    assert scorer.runs_on == ("onnxruntime" if estimator == "logistic_regression" else "trees"), scorer.reason
    forced = Scorer(data, library, kernel="onnxruntime")
    assert scorer.signature() == forced.signature()
    strings = np.array(["AA", "UA", "DL", "", "none of these"], dtype=object)
    inputs: dict[str, Any] = {
        "distance": rng.normal(size=(500, 1)).astype(np.float32),
        "wind": np.where(rng.random((500, 1)) < 0.2, np.nan, 1.0).astype(np.float32),
        "hour": rng.integers(-3, 30, (500, 1)),
        "carrier": rng.choice(strings, (500, 1)),
        "origin": rng.choice(strings, (500, 1)),
    }
    for batch in BATCHES:
        part = {name: value[:batch] for name, value in inputs.items()}
        ours, theirs = scorer.score(part), forced.score(part)
        assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)
        assert list(ours) == list(theirs)
