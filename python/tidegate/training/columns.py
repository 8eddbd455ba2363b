"""Columns as the scorer receives them: cast to the input's element type, nulls replaced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.errors import InvalidInputError
from tidegate.types import DataType, InputSpec

NUMPY: dict[DataType, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
"""The numpy element type of each type of the protocol."""

_INTEGERS: dict[DataType, type[pl.DataType]] = {
    "BOOL": pl.Boolean,
    "UINT8": pl.UInt8,
    "UINT16": pl.UInt16,
    "UINT32": pl.UInt32,
    "UINT64": pl.UInt64,
    "INT8": pl.Int8,
    "INT16": pl.Int16,
    "INT32": pl.Int32,
    "INT64": pl.Int64,
}


def read_table(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """A Parquet or CSV file as a frame.

    Raises:
        InvalidInputError: the file can't be read, or lacks one of ``columns``.

    """
    try:
        lazy = pl.scan_csv(path, try_parse_dates=True) if path.suffix == ".csv" else pl.scan_parquet(path)
        present = lazy.collect_schema().names()
        absent = [name for name in columns or [] if name not in present]
        if absent:
            raise InvalidInputError(f"{path.name} has no column {absent[0]!r}; it has {', '.join(present)}")
        return (lazy.select(columns) if columns is not None else lazy).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInputError(f"{path.name} can't be read as a table: {first}") from error


def as_input(series: pl.Series, datatype: DataType, missing: str | None = None) -> NDArray[Any]:
    """The values of a column as the scorer receives them: one dimension, the input's element type.

    Null becomes NaN in floating inputs and ``missing`` in BYTES ones.

    Raises:
        InvalidInputError: a null where the input can't hold one, or a value that the type can't hold.

    """
    if datatype == "BYTES":
        return _strings(series, missing)
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        raise InvalidInputError(
            f"column {series.name!r} has type {series.dtype}, expected numbers for {datatype}"
        )
    if datatype in {"FP16", "FP32", "FP64"}:
        with np.errstate(
            over="ignore"
        ):  # beyond the type's range is infinity, as it is for the client who casts
            return series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(NUMPY[datatype])
    if series.null_count():
        raise InvalidInputError(
            f"column {series.name!r} has {series.null_count()} nulls, and {datatype} can't hold one; "
            "make it a floating column"
        )
    try:
        exact = series.cast(_INTEGERS[datatype])
    except pl.exceptions.PolarsError:
        exact = None
    if exact is None or not (exact.cast(series.dtype) == series).all():
        raise InvalidInputError(f"column {series.name!r} has values that {datatype} can't hold exactly")
    return exact.to_numpy()


def _strings(series: pl.Series, missing: str | None) -> NDArray[Any]:
    if series.null_count() and missing is None:
        raise InvalidInputError(
            f"column {series.name!r} has nulls, and its input names no string for a missing value"
        )
    try:
        text = series.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(
            f"column {series.name!r} has type {series.dtype}, expected strings"
        ) from error
    filled = text.fill_null(missing) if missing is not None else text
    return np.array(filled.to_list(), dtype=np.object_)


def feeds(frame: pl.DataFrame, inputs: Sequence[InputSpec]) -> dict[str, NDArray[Any]]:
    """The tensors of a graph's inputs from the columns of ``frame``, one row each."""
    tensors = {}
    for spec in inputs:
        parts = [as_input(frame[name], spec.datatype, spec.missing) for name in spec.columns]
        tensors[spec.name] = parts[0] if len(spec.shape) == 1 else np.stack(parts, axis=1)
    return tensors
