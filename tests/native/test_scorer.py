"""The scorer answers as onnxruntime does, for every dtype and layout, and names what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tidegate._native import Scorer
from tidegate.errors import ConflictError, InvalidInputError, ModelRefusedError, SettingsError

DATA = Path(__file__).parent.parent / "data"
MODELS = ["matrix", "mixed", "labels", "declared"]


def same(got: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array, strict=True)


@pytest.mark.parametrize("name", MODELS)
def test_equals_the_recorded_answers(name: str, scorer: Callable[[str], Scorer], reference: Any) -> None:
    same(scorer(name).score(reference[name]["inputs"]), reference[name]["outputs"])


@pytest.mark.parametrize("name", MODELS)
def test_a_row_alone(name: str, scorer: Callable[[str], Scorer], reference: Any) -> None:
    loaded = scorer(name)
    for row in range(3):
        one = {key: value[row : row + 1] for key, value in reference[name]["inputs"].items()}
        expected = {key: value[row : row + 1] for key, value in reference[name]["outputs"].items()}
        if name == "labels":  # a linear model: another batch, another rounding
            np.testing.assert_allclose(
                loaded.score(one)["probabilities"], expected["probabilities"], rtol=1e-6
            )
        else:
            same(loaded.score(one), expected)


@given(
    rows=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.just(4)),
        elements=st.floats(width=32, allow_nan=False),
    )
)
def test_equals_a_live_session(rows: np.ndarray[Any, Any], library: Path) -> None:
    data = (DATA / "matrix.onnx").read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    expected = dict(zip(["label", "probabilities"], session.run(None, {"x": rows}), strict=True))
    same(Scorer(data, library).score({"x": rows}), expected)


def test_signature(scorer: Callable[[str], Scorer]) -> None:
    assert scorer("mixed").signature() == {
        "inputs": [
            {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "distance", "datatype": "FP32", "shape": [-1, 1]},
            {"name": "hour", "datatype": "INT64", "shape": [-1, 1]},
        ],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
        ],
    }


def test_every_dtype_passes_unchanged(scorer: Callable[[str], Scorer]) -> None:
    loaded = scorer("identity")
    numbers = [[0, 1], [1, 0]]
    dtypes = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
    values = [np.array(numbers, dtype=dtype) for dtype in dtypes]
    values.append(np.array([["", "ÆØ\0"], [b"\xff\xfe", "x"]], dtype=object))
    names = [spec["name"] for spec in loaded.signature()["inputs"]]
    inputs = dict(zip(names, values, strict=True))
    same(loaded.score(inputs), {f"same_{name}": value for name, value in inputs.items()})


def test_layouts_and_string_dtypes(scorer: Callable[[str], Scorer], reference: Any) -> None:
    inputs, outputs = reference["mixed"]["inputs"], reference["mixed"]["outputs"]
    loaded = scorer("mixed")
    backwards = {name: np.ascontiguousarray(value[::-1])[::-1] for name, value in inputs.items()}
    packed = np.zeros(16, dtype=[("pad", "i1"), ("distance", "f4"), ("hour", "i8")])
    packed["distance"], packed["hour"] = inputs["distance"][:, 0], inputs["hour"][:, 0]
    misaligned = {**inputs, "distance": packed["distance"], "hour": packed["hour"]}
    assert not packed["hour"].flags.aligned
    fixed = {**inputs, "carrier": inputs["carrier"].astype("U")}
    raw = {**inputs, "carrier": np.char.encode(inputs["carrier"].astype("U"), "utf-8")}
    for given_inputs in (backwards, misaligned, fixed, raw, MappingProxyType(inputs)):
        same(loaded.score(given_inputs), outputs)


def test_threads_share_a_scorer(scorer: Callable[[str], Scorer], reference: Any) -> None:
    loaded, case = scorer("mixed"), reference["mixed"]
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: loaded.score(case["inputs"]), range(200)):
            same(answer, case["outputs"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hour": None}, "input 'hour' is missing"),
        ({"extra": np.zeros(16)}, "unknown input 'extra'; the model takes: carrier, distance, hour"),
        ({"hour": [1, 2]}, "'hour' must be a numpy array, got list"),
        ({"hour": np.zeros(16, "i4")}, r"input 'hour' must be INT64 \[-1, 1\] with 16 rows, got INT32"),
        ({"hour": np.zeros(3, "i8")}, r"got INT64 \[3\] with 3 elements"),
        ({"hour": np.zeros((16, 2), "i8")}, r"got INT64 \[16, 2\]"),
        ({"hour": np.zeros(16, ">i8")}, "'hour' has dtype >i8"),
        ({"hour": np.zeros(16, "M8[s]")}, "'hour' has dtype datetime64"),
        ({"hour": np.int64(3)}, "'hour' must be a numpy array, got int64"),
        ({"carrier": np.array([None] * 16, dtype=object)}, "'carrier' holds None at 0"),
        ({"carrier": np.array(["a", 1] * 8, dtype=object)}, "'carrier' must hold str or bytes, got int at 1"),
    ],
)
def test_inputs_that_do_not_fit(
    change: dict[str, Any], message: str, scorer: Callable[[str], Scorer], reference: Any
) -> None:
    inputs = {**reference["mixed"]["inputs"], **change}
    inputs = {name: value for name, value in inputs.items() if value is not None}
    with pytest.raises(InvalidInputError, match=message):
        scorer("mixed").score(inputs)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ONNX model: expected a ModelProto, found no bytes"),
        (b"\x80\x04\x95", "found a pickle"),
        (b"PK\x03\x04", "found a zip archive"),
        ((DATA / "matrix.onnx").read_bytes()[:-9], "cut short: expected at least"),
        ((DATA / "zipmap.onnx").read_bytes(), "is a sequence of maps, expected a tensor"),
        ((DATA / "fixed.onnx").read_bytes(), r"input 'x' has shape \[3, 2\], expected rows first"),
        ((DATA / "identity.onnx").read_bytes().replace(b"Identity", b"Identify"), "refused the model: "),
    ],
)
def test_files_that_are_no_servable_model(data: bytes, message: str, library: Path) -> None:
    with pytest.raises(ModelRefusedError, match=message):
        Scorer(data, library)


def test_libraries_that_do_not_load(library: Path, tmp_path: Path) -> None:
    data = (DATA / "matrix.onnx").read_bytes()
    with pytest.raises(SettingsError, match=r"can't load ONNX Runtime from .*: No such file"):
        Scorer(data, tmp_path / "libonnxruntime.so")
    Scorer(data, library)
    other = tmp_path / "other.so"
    other.write_bytes(b"")
    with pytest.raises(ConflictError, match="already loaded"):
        Scorer(data, other)
