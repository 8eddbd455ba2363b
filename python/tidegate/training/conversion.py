"""From a fitted pipeline to ONNX, and the proof that both answer the same. Only for worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.errors import InternalError, ModelRefusedError
from tidegate.training import graphs
from tidegate.training.columns import feeds
from tidegate.training.jobs import TOLERANCE, Comparison
from tidegate.training.recipes import LABEL, PROBABILITIES, Recipe

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

_OPSETS = {"": 17, "ai.onnx.ml": 3}


def convert(pipeline: Pipeline, recipe: Recipe) -> bytes:
    """The ONNX bytes of a fitted pipeline, with one input per column, as :class:`Recipe` says.

    Raises:
        ModelRefusedError: the converter fails.

    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    kinds = {"FP32": FloatTensorType, "INT64": Int64TensorType, "BYTES": StringTensorType}
    inputs = [(name, kinds[recipe.datatype(name)]([None, 1])) for name in recipe.columns]
    try:
        model = convert_sklearn(
            pipeline, recipe.name, initial_types=inputs, options={"zipmap": False}, target_opset=_OPSETS
        )
    except Exception as error:
        root: BaseException = error  # the converter wraps what failed in the text of a whole node
        while root.__cause__ is not None:
            root = root.__cause__
        reason = " ".join(str(root).split())[:300]
        raise ModelRefusedError(f"{recipe.estimator} can't be converted to ONNX: {reason}") from error
    data: bytes = model.SerializeToString()
    found = [output.name for output in graphs.signature(graphs.open_graph(data)).outputs]
    if found != [LABEL, PROBABILITIES]:
        raise InternalError(f"the converted graph has outputs {found}, expected {[LABEL, PROBABILITIES]}")
    return data


def answers(data: bytes, frame: pl.DataFrame, recipe: Recipe) -> dict[str, NDArray[Any]]:
    """ONNX Runtime's answers for ``frame``: ``label`` [n] int64 and ``probabilities`` [n, 2] float32."""
    return graphs.run(graphs.open_graph(data), feeds(frame, recipe.contract().inputs))


def compare(
    probabilities: NDArray[Any],
    labels: NDArray[Any],
    converted: dict[str, NDArray[Any]],
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Compares the original's ``probabilities`` [n, 2] and ``labels`` [n] with the converted outputs."""
    ours = converted[PROBABILITIES].astype(np.float64)
    # A NaN on one side only is no small difference.
    gap = np.nan_to_num(np.abs(ours - probabilities), nan=np.inf)
    differ = np.asarray(converted[LABEL]) != labels
    near = np.abs(probabilities[:, 1] - 0.5) <= tolerance
    return Comparison(
        rows=len(labels),
        max_difference=float(gap.max(initial=0.0)),
        labels_differing=int((differ & ~near).sum()),
        ties=int((differ & near).sum()),
        tolerance=tolerance,
    )


def refuse_unfaithful(comparison: Comparison) -> None:
    """Lets nothing pass whose answers are not the original's.

    Raises:
        ModelRefusedError: with the figures.

    """
    if comparison.rows == 0:
        raise ModelRefusedError("the conversion can't be judged: no row is held out")
    if not comparison.faithful:
        raise ModelRefusedError(
            f"the converted model answers otherwise than the original: on {comparison.rows} held-out rows "
            f"the largest difference of a probability is {comparison.max_difference:.3g} "
            f"(allowed {comparison.tolerance:g}), {comparison.labels_differing} labels differ"
        )
