from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tidegate import Installation
from tidegate.errors import ConflictError, InvalidInputError, ModelRefusedError, NotFoundError

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    frame = pl.DataFrame({"carrier": ["AA", "UA"] * 50, "distance": [100.0, None] * 50, "hour": [7, 18] * 50})
    frame.write_parquet(path)
    return path


def test_a_bare_file_becomes_a_version(installation: Installation, reference: Path) -> None:
    installation.create_model("delay")
    made = installation.register_model_file("delay", DATA / "mixed.onnx", reference, "by hand")
    manifest = made["manifest"]
    assert made["version"] == "1"
    assert [spec["name"] for spec in manifest["signature"]["inputs"]] == ["carrier", "distance", "hour"]
    assert manifest["contract"]["score"] == {"output": "probabilities", "column": 1}
    assert manifest["recipe"] == {"kind": "file", "name": "mixed.onnx"}
    assert installation.artifacts.verify(manifest["profile"]) > 0
    assert installation.artifacts.verify(manifest["conversion"]["golden"]["answers"]) > 0
    dataset = installation.list_datasets()[0]
    assert (dataset["name"], dataset["rows"], dataset["digest"]) == (
        "delay-reference",
        100,
        manifest["dataset"],
    )
    assert list(installation.home.jobs.iterdir()) == []
    with pytest.raises(ConflictError, match="is version 1 of model delay already"):
        installation.register_model_file("delay", DATA / "mixed.onnx", reference)


def test_a_matrix_takes_its_columns_names(installation: Installation, tmp_path: Path) -> None:
    installation.create_model("wide")
    path = tmp_path / "rows.csv"
    pl.DataFrame({name: [0.5, 1.5, 2.5] for name in "dcba"}).write_csv(path)
    made = installation.register_model_file("wide", DATA / "matrix.onnx", path, columns=list("abcd"))
    assert made["manifest"]["contract"]["inputs"][0]["columns"] == list("abcd")
    assert made["manifest"]["dataset"] is None
    assert made["manifest"]["profile"] is not None


def test_without_reference_there_is_no_profile(installation: Installation) -> None:
    installation.create_model("bare")
    made = installation.register_model_file("bare", DATA / "mixed.onnx")
    assert made["manifest"]["profile"] is None


def test_the_same_request_is_answered_without_a_second_probe(
    installation: Installation, reference: Path
) -> None:
    installation.create_model("delay")
    first = installation.register_model_file("delay", DATA / "mixed.onnx", reference, idempotency_key="k")
    again = installation.register_model_file("delay", DATA / "mixed.onnx", reference, idempotency_key="k")
    assert again == first


def test_what_is_refused(installation: Installation, tmp_path: Path, reference: Path) -> None:
    installation.create_model("delay")
    text = tmp_path / "model.onnx"
    text.write_text("not a model")
    with pytest.raises(ModelRefusedError, match="ONNX"):
        installation.register_model_file("delay", text)
    with pytest.raises(ModelRefusedError):
        installation.register_model_file("delay", DATA / "fixed.onnx")
    pl.DataFrame({"carrier": ["AA"]}).write_parquet(reference)
    with pytest.raises(InvalidInputError, match="'distance'"):
        installation.register_model_file("delay", DATA / "mixed.onnx", reference)
    with pytest.raises(NotFoundError, match="no model 'nope'"):
        installation.register_model_file("nope", DATA / "mixed.onnx")
    with pytest.raises(InvalidInputError, match="there is no file"):
        installation.register_model_file("delay", tmp_path / "none.onnx")
    assert installation.list_versions("delay") == []
