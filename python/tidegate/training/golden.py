"""A golden run: known rows and the answers that a graph gives for them, and whether it gives them again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.errors import ModelRefusedError
from tidegate.training import graphs
from tidegate.training.columns import NUMPY, feeds
from tidegate.training.jobs import GoldenFigures
from tidegate.types import InputSpec

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime
    import polars as pl
    from numpy.typing import NDArray

ROWS = 16


@dataclass(frozen=True)
class GoldenRun:
    """The figures and the outputs of all rows at once, by name."""

    figures: GoldenFigures
    outputs: dict[str, NDArray[Any]]


def golden_run(
    session: onnxruntime.InferenceSession,
    inputs: Sequence[InputSpec],
    frame: pl.DataFrame | None,
    path: Path,
    rows: int = ROWS,
) -> GoldenRun:
    """Runs the graph on the first rows of ``frame`` (without it on made ones) and writes both to ``path``.

    Raises:
        ModelRefusedError: the graph fails, gives another number of rows, or answers the same rows
        differently.

    """
    tensors = feeds(frame.head(rows), inputs) if frame is not None and frame.height else _made(inputs, rows)
    rows = len(next(iter(tensors.values())))
    outputs = graphs.run(session, tensors)
    for name, values in outputs.items():
        if values.ndim == 0 or values.shape[0] != rows:
            raise ModelRefusedError(
                f"output {name!r} has shape {list(values.shape)} for {rows} rows, expected one entry per row"
            )
    again = graphs.run(session, tensors)
    changed = [name for name, values in outputs.items() if not _equal(values, again[name])]
    if changed:
        raise ModelRefusedError(f"output {changed[0]!r} differs between two runs of the same rows")
    figures = GoldenFigures(
        rows=rows,
        batch_difference=_batch_difference(session, tensors, outputs),
        nonfinite=sum(int((~np.isfinite(v)).sum()) for v in outputs.values() if v.dtype.kind == "f"),
    )
    body = {"inputs": _jsonable(tensors), "outputs": _jsonable(outputs)}
    path.write_text(json.dumps(body, allow_nan=False), encoding="utf-8")
    return GoldenRun(figures, outputs)


def _made(inputs: Sequence[InputSpec], rows: int) -> dict[str, NDArray[Any]]:
    """Zeros in the first row, small seeded numbers in the others, empty strings."""
    random = np.random.default_rng(0)
    tensors: dict[str, NDArray[Any]] = {}
    for spec in inputs:
        shape = (rows,) if len(spec.shape) == 1 else (rows, len(spec.columns))
        if spec.datatype == "BYTES":
            tensors[spec.name] = np.full(shape, spec.missing or "", dtype=np.object_)
        else:
            values = (
                random.integers(0, 2, shape)
                if spec.datatype == "BOOL"
                else random.normal(1.0, 1.0, shape).clip(0)
            )
            tensors[spec.name] = values.astype(NUMPY[spec.datatype])
            tensors[spec.name][0] = 0
    return tensors


def _equal(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return np.array_equal(left, right, equal_nan=left.dtype.kind == "f")


def _batch_difference(
    session: onnxruntime.InferenceSession, tensors: dict[str, NDArray[Any]], outputs: dict[str, NDArray[Any]]
) -> float:
    largest = 0.0
    for row in range(len(next(iter(tensors.values())))):
        single = graphs.run(session, {name: values[row : row + 1] for name, values in tensors.items()})
        for name, values in outputs.items():
            if single[name].shape[0] != 1:
                raise ModelRefusedError(f"output {name!r} has {single[name].shape[0]} entries for one row")
            if values.dtype.kind == "f":
                gap = np.abs(single[name][0].astype(np.float64) - values[row].astype(np.float64))
                largest = max(largest, float(np.nan_to_num(gap, nan=0.0, posinf=np.inf).max(initial=0.0)))
    return largest


def _jsonable(tensors: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Nested lists; what is not finite becomes null or the strings that Python's float reads."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, float) and not np.isfinite(value):
            return None if np.isnan(value) else str(value)
        return value

    return {name: plain(values.tolist()) for name, values in tensors.items()}
