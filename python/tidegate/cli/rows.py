"""Rows from a file or standard input, by the file's format."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import InvalidInputError

FORMATS = (".json", ".jsonl", ".csv", ".parquet")


def read(source: str, member: str) -> list[dict[str, Any]]:
    """The rows of ``source``; ``-`` is standard input, with JSON or one object a line.

    A JSON file holds an array of objects, one object, or an object whose ``member`` is the array.
    """
    if source == "-":
        return _parse(sys.stdin.read(), "standard input", member)
    path = Path(source)
    if path.suffix not in FORMATS:
        raise InvalidInputError(f"{path} is none of {', '.join(FORMATS)}")
    if path.suffix in {".csv", ".parquet"}:
        return _table(path)
    try:
        return _parse(path.read_text(), str(path), member)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} can't be read: {error}") from None


def _table(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    try:
        frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise InvalidInputError(f"{path} can't be read: {first}") from None
    return frame.to_dicts()


def _parse(text: str, where: str, member: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise InvalidInputError(f"{where} is no JSON: {error}") from None
        found = [_line(line, where, number) for number, line in enumerate(lines, 1)]
    if isinstance(found, Mapping):
        found = found.get(member, [found])
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise InvalidInputError(f"{where} holds no objects; expected an array of them")
    return found


def _line(line: str, where: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise InvalidInputError(f"{where}, line {number} is no JSON: {error}") from None
