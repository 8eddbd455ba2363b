from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tidegate.cli import rows
from tidegate.errors import InvalidInputError

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("array.json", '[{"a": 1, "b": "x"}, {"a": 2, "b": null}]'),
        ("wrapped.json", '{"records": [{"a": 1, "b": "x"}, {"a": 2, "b": null}]}'),
        ("lines.jsonl", '{"a": 1, "b": "x"}\n\n{"a": 2, "b": null}\n'),
        ("table.csv", "a,b\n1,x\n2,\n"),
    ],
)
def test_text_formats(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert rows.read(str(tmp_path / name), "records") == ROWS


def test_parquet(tmp_path: Path) -> None:
    pl.DataFrame(ROWS).write_parquet(tmp_path / "x.parquet")
    assert rows.read(str(tmp_path / "x.parquet"), "records") == ROWS


def test_one_object_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert rows.read(str(tmp_path / "x.json"), "records") == [{"a": 1}]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.json", "{", "is no JSON"),
        ("x.json", "[1]", "holds no objects"),
        ("x.jsonl", '{"a": 1}\n{', "line 2 is no JSON"),
        ("x.parquet", "no", "can't be read"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        rows.read(str(tmp_path / name), "records")
