"""First loadings: what a model does to the process that it is first loaded in, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from tidegate._native import Scorer
from tidegate.serving import library
from tidegate.training.jobs import GIB, Limits
from tidegate.training.loading import Loading, first_loading
from tidegate.types import Contract, Signature

DATA = Path(__file__).parent.parent / "data"


def loading(path: Path, **changes: Any) -> Loading:
    """A model whose signature is what its graph declares."""
    declared = onnx.load(path).graph
    names = {1: "FP32", 7: "INT64", 8: "BYTES", 11: "FP64"}

    def specs(nodes: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": node.name,
                "datatype": names[node.type.tensor_type.elem_type],
                "shape": [dim.dim_value or -1 for dim in node.type.tensor_type.shape.dim],
            }
            for node in nodes
        ]

    signature = {"inputs": specs(declared.input), "outputs": specs(declared.output)}
    contract = signature | {"inputs": [spec | {"columns": [spec["name"]]} for spec in signature["inputs"]]}
    facts = {"signature": signature, "contract": contract} | changes
    return Loading(
        onnx=path,
        library=library(),
        signature=Signature.model_validate(facts.pop("signature")),
        contract=Contract.model_validate(facts.pop("contract")),
        **facts,
    )


def graph(path: Path, nodes: list[Any], initializers: list[Any] | None = None) -> Path:
    """A graph from ``x`` to ``y``, both FP32 [N, 1]."""
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        initializers or [],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def bomb(path: Path) -> Path:
    """A few bytes that want 160 GB when they are run."""
    size = helper.make_tensor("size", TensorProto.INT64, [2], [200_000, 200_000])
    one = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["big"], value=one),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    return graph(path, nodes, [size])


def test_a_good_model_is_loaded_measured_and_confined() -> None:
    found = first_loading(loading(DATA / "mixed.onnx"))
    assert found["ok"], found
    assert found["runs_on"] in {"trees", "onnxruntime"}
    assert found["why"]
    assert set(found["row_microseconds"]) == {"1", "64"}
    assert found["load_seconds"] > 0
    held = found["confinement"]
    assert held["seccomp"]
    assert held["no_file_written"]
    assert held["no_descriptor"]
    assert held["no_new_privileges"]
    assert held["address_space"] == GIB + 8 * (DATA / "mixed.onnx").stat().st_size
    assert held["cpu_seconds"] == 10


def golden(folder: Path, shift: float) -> Path:
    """The answers of ``matrix`` as registration keeps them, off by ``shift``."""
    known = json.loads((DATA / "onnx_reference.json").read_text())["matrix"]
    inputs = {name: spec["data"] for name, spec in known["inputs"].items()}
    outputs = {name: spec["data"] for name, spec in known["outputs"].items()}
    scorer = Scorer((DATA / "matrix.onnx").read_bytes(), library())
    import numpy as np

    rows = np.array(inputs["x"], np.float32).reshape(-1, 4)
    outputs = {name: values.tolist() for name, values in scorer.score({"x": rows}).items()}
    outputs["probabilities"][0][0] += shift
    path = folder / "golden.json"
    path.write_text(json.dumps({"inputs": {"x": rows.tolist()}, "outputs": outputs}))
    return path


def test_recorded_answers_are_given_again_or_the_model_is_refused(tmp_path: Path) -> None:
    good = first_loading(loading(DATA / "matrix.onnx", golden=golden(tmp_path, 0.0)))
    assert good["ok"], good
    assert (good["golden_rows"], good["golden_difference"], good["nonfinite"]) == (16, 0.0, 0)
    bad = first_loading(loading(DATA / "matrix.onnx", golden=golden(tmp_path, 0.01)))
    assert (bad["ok"], bad["code"]) == (False, "GOLDEN_DIFFERS")
    assert "'probabilities' is 0.01" in bad["reason"]


def test_a_load_bomb_ends_in_the_probe(tmp_path: Path) -> None:
    found = first_loading(loading(bomb(tmp_path / "bomb.onnx")))
    assert (found["ok"], found["code"]) == (False, "PROBE_OOM"), found


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    trip = helper.make_tensor("trip", TensorProto.INT64, [], [2**40])
    true = helper.make_tensor("true", TensorProto.BOOL, [], [1])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["c"], ["c2"]),
            helper.make_node("Sin", ["v"], ["v2"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, ["n", 1]),
        ],
        [
            helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v2", TensorProto.FLOAT, ["n", 1]),
        ],
    )
    node = helper.make_node("Loop", ["trip", "true", "x"], ["y"], body=body)
    path = graph(tmp_path / "endless.onnx", [node], [trip, true])
    refused = first_loading(loading(path))
    assert (refused["ok"], refused["code"]) == (False, "LOOP_FORBIDDEN"), refused
    assert "allow_loops = true" in refused["reason"]
    limits = Limits(address_space=GIB, cpu_seconds=1, wall_seconds=60)
    found = first_loading(loading(path, allow_loops=True), limits)
    assert (found["ok"], found["code"]) == (False, "PROBE_TIMEOUT"), found
    assert "1 s of processor time while" in found["reason"]


def test_two_runs_that_differ_are_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("RandomUniformLike", ["x"], ["r"]),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ]
    found = first_loading(loading(graph(tmp_path / "dice.onnx", nodes)))
    assert (found["ok"], found["code"]) == (False, "NOT_DETERMINISTIC"), found
    assert "'y'" in found["reason"]


def test_other_inputs_than_registered_are_refused() -> None:
    task = loading(DATA / "mixed.onnx")
    other = task.signature.model_copy(update={"inputs": task.signature.inputs[:2]})
    found = first_loading(task.model_copy(update={"signature": other}))
    assert (found["ok"], found["code"]) == (False, "SIGNATURE_DIFFERS"), found
    assert "hour INT64" in found["reason"]


def test_the_loaders_own_words_come_through(tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    path.write_bytes((DATA / "mixed.onnx").read_bytes()[:-200])
    found = first_loading(loading(DATA / "mixed.onnx").model_copy(update={"onnx": path}))
    assert (found["ok"], found["code"]) == (False, "LOAD_FAILED"), found
    assert "cut short" in found["reason"]


def test_a_damaged_profile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "profile.arrow"
    path.write_bytes(b"no profile")
    found = first_loading(loading(DATA / "mixed.onnx", profile=path))
    assert (found["ok"], found["code"]) == (False, "LOAD_FAILED"), found
    assert "profile" in found["reason"]
