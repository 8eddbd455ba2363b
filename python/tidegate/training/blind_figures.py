"""What a blind set says of a version: the scores of its rows, and their aggregates. Only for workers."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.errors import ModelRefusedError
from tidegate.training import graphs
from tidegate.training.columns import feeds
from tidegate.types import Contract

_EPSILON = 2.0**-52
"""Probabilities are clipped by it before a logarithm, as scikit-learn does."""
_SLACK = 1e-5
"""How far a probability may leave [0, 1]: a forest's float32 sum can end a few ulps above 1."""


def warm_up() -> None:
    """Loads and starts what later needs files, descriptors or threads: the libraries and their pools."""
    import onnxruntime

    onnxruntime.SessionOptions()
    buffer = io.BytesIO()
    made = pl.DataFrame({"number": [0.5, None], "text": ["a", "b"], "target": [True, False]})
    made.write_parquet(buffer, metadata={"warm": "up"})
    pl.read_parquet_metadata(io.BytesIO(buffer.getvalue()))
    again = pl.read_parquet(io.BytesIO(buffer.getvalue())).drop("target")
    [again[name].cast(pl.String).fill_null("").to_list() for name in again.columns]
    again["number"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def scores(onnx: bytes, contract: Contract, rows: pl.DataFrame, batch: int) -> NDArray[np.float64]:
    """The score of every row, shape [rows], between 0 and 1.

    Raises:
        TidegateError: the graph does not run on the rows, or gives no probability for each.

    """
    place = contract.score
    if place is None:
        raise ModelRefusedError("the contract names no score")
    session = graphs.open_graph(onnx)
    parts = []
    for part in rows.iter_slices(batch):
        values = graphs.run(session, feeds(part, contract.inputs))[place.output]
        parts.append(values.reshape(part.height, -1)[:, place.column].astype(np.float64))
    found: NDArray[np.float64] = np.concatenate(parts)
    if not ((found >= -_SLACK) & (found <= 1.0 + _SLACK)).all():
        raise ModelRefusedError("the scores are no probabilities")
    return found.clip(0.0, 1.0)


def figures(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], threshold: float
) -> dict[str, int | float]:
    """The aggregates: rows, positive_rate, auc, brier, log_loss (nats), accuracy.

    ``scores`` and ``positive`` have shape [rows], both classes occur. The AUC is Mann and Whitney's (1947):
    the share of pairs of a positive and a negative in order, ties counting one half.
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    n, ones = len(scores), int(positive.sum())
    above = ranks[positive].sum() - ones * (ones + 1) / 2.0
    clipped = scores.clip(_EPSILON, 1.0 - _EPSILON)
    return {
        "rows": n,
        "positive_rate": ones / n,
        "auc": float(above / (ones * (n - ones))),
        "brier": float(((scores - positive) ** 2).mean()),
        "log_loss": float(-np.where(positive, np.log(clipped), np.log1p(-clipped)).mean()),
        "accuracy": float(((scores > threshold) == positive).mean()),
    }
