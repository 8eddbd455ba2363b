"""Is the new model better than the old one on rows that neither saw? Paired, by day. Only for workers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.errors import PreconditionError
from tidegate.training import graphs
from tidegate.training.columns import feeds
from tidegate.types import Contract

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

CONFIDENCE = 0.95
FEWEST_DAYS = 5
"""With fewer days, :data:`PARTS` consecutive parts of equal size stand in for them."""
PARTS = 10
_DAY = 86_400_000_000


def scores(onnx: bytes, contract: Contract, frame: pl.DataFrame) -> NDArray[np.float64]:
    """The score [n], within [0, 1], that a graph gives each row of ``frame``.

    Raises:
        PreconditionError: the contract names no score, or a score is no probability.

    """
    if contract.score is None:
        raise PreconditionError("the parent names no score, so nothing can be compared with it")
    outputs = graphs.run(graphs.open_graph(onnx), feeds(frame, contract.inputs))
    found = (
        outputs[contract.score.output].astype(np.float64).reshape(frame.height, -1)[:, contract.score.column]
    )
    if not ((found >= -1e-5) & (found <= 1 + 1e-5)).all():
        raise PreconditionError("the parent's scores are no probabilities, so no Brier score compares it")
    return found.clip(0.0, 1.0)


def duel(
    moments: NDArray[np.int64],
    target: NDArray[np.int64],
    parent: NDArray[np.float64],
    candidate: NDArray[np.float64],
) -> dict[str, Any]:
    """Compares two models' scores of the same rows by their Brier scores.

    Args:
        moments: event times in microseconds [n], sorted.
        target: 0 or 1 [n].
        parent: the old model's scores [n].
        candidate: the new model's scores [n].

    Returns:
        ``rows``; ``brier``, ``auc``, ``parent_brier``, ``parent_auc`` (AUC None with one class); ``gain``, by
        how much the parent's Brier score is larger, with its standard error ``gain_se`` and one-sided 95 %
        lower limit ``gain_low``; ``better``, whether that is above 0; ``by`` and ``groups``. Rows of one day
        depend on each other, so days are what varies: the variance is that of a ratio of sums over days
        (Cochran 1977, section 6.3), the limit Student's with one degree of freedom less than there are days.

    """
    from scipy.stats import t
    from sklearn.metrics import roc_auc_score

    days = np.unique(moments // _DAY, return_inverse=True)[1]
    by = "day"
    if days.max() + 1 < FEWEST_DAYS:
        by, days = "part", np.arange(len(target)) * PARTS // len(target)
    gains = (parent - target) ** 2 - (candidate - target) ** 2
    gain = float(gains.mean())
    sums = np.bincount(days, weights=gains - gain)
    groups = len(sums)
    error = math.sqrt(groups / (groups - 1) * float((sums**2).sum())) / len(target)
    low = gain - float(t.ppf(CONFIDENCE, groups - 1)) * error
    both = len(np.unique(target)) == 2
    return {
        "rows": len(target),
        "brier": float(((candidate - target) ** 2).mean()),
        "auc": float(roc_auc_score(target, candidate)) if both else None,
        "parent_brier": float(((parent - target) ** 2).mean()),
        "parent_auc": float(roc_auc_score(target, parent)) if both else None,
        "gain": gain,
        "gain_se": error,
        "gain_low": low,
        "better": low > 0,
        "by": by,
        "groups": groups,
    }
