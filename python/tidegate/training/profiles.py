"""Reference profiles: each feature's values as the scorer receives them, and the scores the model gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tidegate.training.columns import as_input
from tidegate.types import InputSpec

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

POINTS = 512
"""Reference points of an ordered feature at most: KS is off by no more than 1/512, and says by how much."""
SCORE = "score"
"""The name of the score's stream within a profile."""


def reference_profile(frame: pl.DataFrame, inputs: Sequence[InputSpec], scores: NDArray[Any] | None) -> bytes:
    """The reference profile of ``frame`` as Arrow IPC bytes.

    Args:
        frame: the reference rows.
        inputs: what the graph takes; each of their columns becomes a feature of that name.
        scores: the model's scores, one per reference row; they may be of fewer rows than ``frame``.

    """
    import numpy as np

    from tidegate._native import ProfileBuilder

    builder = ProfileBuilder()
    for spec in inputs:
        for name in spec.columns:
            values = as_input(frame[name], spec.datatype, spec.missing)
            if spec.datatype == "BYTES":
                builder.categorical(name, [None if value == spec.missing else value for value in values])
            else:
                builder.numeric(name, values.astype(np.float64), points=POINTS)
    if scores is not None:
        builder.numeric(SCORE, scores.astype(np.float64), role="score", points=POINTS)
    return bytes(builder.build().to_bytes())
