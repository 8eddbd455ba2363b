"""The model that is measured: gradient boosting, 100 trees of depth 6, 28 floats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEATURES = 28
COLUMNS = [f"f{index}" for index in range(FEATURES)]


@dataclass(frozen=True)
class Boosting:
    """The model as ONNX, the rows it was trained on, and rows to score ``[N, 28]``."""

    onnx: bytes
    reference: NDArray[np.float32]
    rows: NDArray[np.float32]


def boosting(cache: Path) -> Boosting:
    """Train the model, or take it from ``cache``."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(3000, FEATURES)).astype(np.float32)
    rows = rng.normal(size=(4096, FEATURES)).astype(np.float32)
    if not cache.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_bytes(_trained(reference))
    return Boosting(cache.read_bytes(), reference, rows)


def _trained(x: NDArray[np.float32]) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import GradientBoostingClassifier

    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(np.int64)
    model: Any = GradientBoostingClassifier(n_estimators=100, max_depth=6, random_state=0).fit(x, y)
    types = [("x", FloatTensorType([None, FEATURES]))]
    converted: bytes = to_onnx(
        model, initial_types=types, options={id(model): {"zipmap": False}}
    ).SerializeToString()
    return converted
