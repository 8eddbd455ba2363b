"""Columns as the scorer receives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.errors import InvalidInputError
from tidegate.training.columns import as_input, feeds, read_table
from tidegate.types import DataType, InputSpec


def test_casts_to_the_input_type() -> None:
    column = pl.Series("x", [0.1, None, 1e300])
    values = as_input(column, "FP32")
    assert values.dtype == np.float32
    assert values[0] == np.float32(0.1)
    assert np.isnan(values[1])
    assert np.isinf(values[2])
    assert as_input(pl.Series("x", [2.0, 3.0]), "INT64").tolist() == [2, 3]
    assert as_input(pl.Series("x", [True, False]), "FP32").tolist() == [1.0, 0.0]
    assert as_input(pl.Series("x", ["a", None, ""]), "BYTES", missing="?").tolist() == ["a", "?", ""]
    assert as_input(pl.Series("x", [2**63 - 1]), "INT64").tolist() == [2**63 - 1]


@pytest.mark.parametrize(
    ("values", "datatype", "problem"),
    [
        ([1, None], "INT64", "1 nulls"),
        ([1.5], "INT64", "can't hold exactly"),
        ([300], "UINT8", "can't hold exactly"),
        ([-1], "UINT64", "can't hold exactly"),
        (["a"], "FP32", "expected numbers"),
        (["a", None], "BYTES", "no string for a missing value"),
    ],
)
def test_refuses_what_the_type_cannot_hold(values: list[object], datatype: DataType, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=f"'x'.*{problem}"):
        as_input(pl.Series("x", values), datatype)


def test_feeds_columns_and_matrices() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    inputs = [
        InputSpec(name="m", datatype="FP32", shape=[-1, 2], columns=["b", "a"]),
        InputSpec(name="a", datatype="FP64", shape=[-1], columns=["a"]),
        InputSpec(name="b", datatype="FP32", shape=[-1, 1], columns=["b"]),
    ]
    tensors = feeds(frame, inputs)
    assert tensors["m"].tolist() == [[3.0, 1.0], [4.0, 2.0]]
    assert tensors["a"].shape == (2,)
    assert tensors["b"].shape == (2, 1)


def test_reads_parquet_and_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_csv(tmp_path / "t.csv")
    assert read_table(tmp_path / "t.parquet").equals(frame)
    assert read_table(tmp_path / "t.csv", ["a"]).equals(frame.select("a"))
    (tmp_path / "bad.parquet").write_bytes(b"no")
    for path, columns in ((tmp_path / "bad.parquet", None), (tmp_path / "absent.parquet", None)):
        with pytest.raises(InvalidInputError, match=path.name):
            read_table(path, columns)
    with pytest.raises(InvalidInputError, match=r"no column 'c'; it has a, b"):
        read_table(tmp_path / "t.parquet", ["c"])
