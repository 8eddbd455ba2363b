"""Probing bare ONNX files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate._native import ReferenceProfile
from tidegate.errors import InvalidInputError, ModelRefusedError, TidegateError
from tidegate.training.jobs import ProbeJob, ProbeResult
from tidegate.training.launch import run_job
from tidegate.training.probe import find_score
from tidegate.types import TensorSpec

DATA = Path(__file__).parents[1] / "data"


def probed(folder: Path, model: str, reference: pl.DataFrame | None = None, **more: object) -> ProbeResult:
    path = None
    if reference is not None:
        path = folder / "reference.parquet"
        reference.write_parquet(path)
    return run_job(ProbeJob(onnx=DATA / model, reference=path, **more), folder / "job")


def normal(*names: str, rows: int = 50) -> pl.DataFrame:
    random = np.random.default_rng(3)
    return pl.DataFrame({name: random.normal(size=rows) for name in names})


def test_a_matrix_takes_the_names_of_the_reference(tmp_path: Path) -> None:
    reference = normal("a", "b", "c", "d").with_columns(note=pl.lit("text is no feature"))
    result = probed(tmp_path, "matrix.onnx", reference)
    [spec] = result.contract.inputs
    assert (spec.name, spec.datatype, spec.shape) == ("x", "FP32", [-1, 4])
    assert spec.columns == ["a", "b", "c", "d"]
    assert result.contract.score is not None
    assert result.contract.score.column == 1
    assert result.golden.rows == 16
    assert result.rows == {"reference": 50}
    golden = json.loads((tmp_path / "job" / "golden.json").read_text())
    assert len(golden["inputs"]["x"]) == 16
    profile = ReferenceProfile.from_bytes((tmp_path / "job" / "profile.arrow").read_bytes())
    assert [feature["name"] for feature in profile.features()] == ["a", "b", "c", "d", "score"]
    expected = reference["b"].to_numpy().astype(np.float32)
    assert profile.points("b").tolist() == sorted(expected.astype(np.float64).tolist())


def test_without_a_reference_columns_are_numbered(tmp_path: Path) -> None:
    result = probed(tmp_path, "matrix.onnx")
    assert result.contract.inputs[0].columns == ["x.0", "x.1", "x.2", "x.3"]
    assert not (tmp_path / "job" / "profile.arrow").exists()


def test_named_columns_win(tmp_path: Path) -> None:
    result = probed(tmp_path, "matrix.onnx", normal("a", "b", "c", "d", "e"), columns=["e", "b", "c", "d"])
    assert result.contract.inputs[0].columns == ["e", "b", "c", "d"]


def test_a_reference_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no column 'x\.0': the model takes 4 columns"):
        probed(tmp_path, "matrix.onnx", normal("a", "b", "c"))
    with pytest.raises(InvalidInputError, match="2 columns are named, and input 'x' takes 4"):
        probed(tmp_path, "matrix.onnx", columns=["a", "b"])


def test_mixed_columns_keep_their_types(tmp_path: Path) -> None:
    reference = pl.DataFrame(
        {"hour": [1, 2, 3] * 20, "carrier": ["AA", None, "UA"] * 20, "distance": [1.0, None, 3.5] * 20}
    )
    result = probed(tmp_path, "mixed.onnx", reference, missing="none")
    assert [(s.name, s.datatype, s.columns, s.missing) for s in result.contract.inputs] == [
        ("carrier", "BYTES", ["carrier"], "none"),
        ("distance", "FP32", ["distance"], None),
        ("hour", "INT64", ["hour"], None),
    ]
    profile = ReferenceProfile.from_bytes((tmp_path / "job" / "profile.arrow").read_bytes())
    assert {feature["name"]: feature["missing"] for feature in profile.features()} == {
        "carrier": 20, "distance": 20, "hour": 0, "score": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"\x80\x04\x95 pickle", "a Python pickle"),
        (b"PK\x03\x04 zip", "a zip archive"),
        (b"\x20\x00\x00\x00ORTM", "flatbuffer"),
        (b"just some text, no model at all", "no ONNX model that can be served"),
        (b"\x08\x0a", "No graph"),
    ],
)
def test_refuses_what_is_no_onnx(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelRefusedError, match=problem):
        run_job(ProbeJob(onnx=path), tmp_path / "job")


def test_refuses_half_a_model(tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    data = (DATA / "matrix.onnx").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelRefusedError):
        run_job(ProbeJob(onnx=path), tmp_path / "job")


def test_refuses_maps_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match="zipmap=False"):
        probed(tmp_path, "zipmap.onnx")


def test_a_loop_that_the_inputs_bound_is_taken_where_the_setting_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"the Loop 'as often as x' .* allow_loops = true"):
        probed(tmp_path, "loops.onnx")
    found = run_job(ProbeJob(onnx=DATA / "loops.onnx", allow_loops=True), tmp_path / "allowed")
    assert found.signature.inputs[0].name == "x"


def test_a_model_that_grows_is_stopped(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    size = helper.make_tensor("size", TensorProto.INT64, [2], [300_000, 300_000])
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=size),
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in "xy")
    graph = helper.make_graph(nodes, "bomb", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "bomb.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefusedError, match="needs more than 4 GiB"):
        run_job(ProbeJob(onnx=tmp_path / "bomb.onnx"), tmp_path / "job")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match=r"absent\.onnx"):
        run_job(ProbeJob(onnx=tmp_path / "absent.onnx"), tmp_path / "job")


def test_finds_the_score() -> None:
    def spec(name: str, datatype: str, shape: list[int]) -> TensorSpec:
        return TensorSpec.model_validate({"name": name, "datatype": datatype, "shape": shape})

    label, two = spec("label", "INT64", [-1]), spec("p", "FP32", [-1, 2])
    one, flat, three = spec("y", "FP64", [-1, 1]), spec("z", "FP16", [-1]), spec("q", "FP32", [-1, 3])
    assert find_score([label, two]) is not None
    assert (find_score([flat, two]) or one).model_dump() == {"output": "p", "column": 1}
    assert (find_score([label, one]) or one).model_dump() == {"output": "y", "column": 0}
    assert (find_score([flat]) or one).model_dump() == {"output": "z", "column": 0}
    assert find_score([label, three]) is None
