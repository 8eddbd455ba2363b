"""The rows of a blind set: checked and packed on the validator's side, unpacked in the confined worker."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.errors import InvalidInputError

LEAST_ROWS = 200
LEAST_OF_A_CLASS = 20
"""Below these an aggregate says too much of single rows."""
_TARGET = "tidegate.target"


def packed(frame: pl.DataFrame, target: str) -> bytes:
    """The rows as Parquet that names its target column in the file's metadata.

    Raises:
        InvalidInputError: no such column, other values than 0 and 1, or too few rows.

    """
    labels(frame, target)
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata={_TARGET: target})
    return buffer.getvalue()


def unpacked(data: bytes) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """The rows without their target, and whether it is 1; errors as of :func:`packed`."""
    target = pl.read_parquet_metadata(io.BytesIO(data)).get(_TARGET, "")
    frame = pl.read_parquet(io.BytesIO(data))
    return frame.drop(target, strict=False), labels(frame, target)


def labels(frame: pl.DataFrame, target: str) -> NDArray[np.bool_]:
    """Whether the target is 1, per row; it must be 0 or 1 (or boolean) everywhere, and each often enough."""
    if target not in frame.columns:
        raise InvalidInputError(f"there is no target column {target!r}; name one of {frame.columns}")
    column = frame[target]
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise InvalidInputError(f"target {target!r} has type {column.dtype}, expected 0 and 1 or booleans")
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    strange = int((~np.isin(values, [0.0, 1.0])).sum())
    if strange:
        raise InvalidInputError(f"target {target!r} has {strange} values other than 0 and 1")
    positives = int(values.sum())
    if len(values) < LEAST_ROWS or min(positives, len(values) - positives) < LEAST_OF_A_CLASS:
        raise InvalidInputError(
            f"a blind set has at least {LEAST_ROWS} rows and {LEAST_OF_A_CLASS} of each class; "
            f"this one has {len(values)} rows, {positives} of them positive"
        )
    return np.asarray(values == 1.0)
