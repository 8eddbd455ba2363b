"""Five families of tree models as ONNX, 28 floats each: ``python -m benches.families FOLDER``.

Runs in an environment of its own, with LightGBM, XGBoost and onnxmltools.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType as SklearnFloatTensorType
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)

FEATURES = 28
ROWS = 6000


def models() -> dict[str, Any]:
    """Each family by its file's name, not trained yet."""
    return {
        "HistGradientBoosting 100 x 31 leaves": HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=31, early_stopping=False, random_state=0
        ),
        "GradientBoosting 100 x depth 6": GradientBoostingClassifier(
            n_estimators=100, max_depth=6, random_state=0
        ),
        "RandomForest 100 x depth 10": RandomForestClassifier(100, max_depth=10, random_state=0),
        "LightGBM 500 x 31 leaves": lightgbm.LGBMClassifier(
            n_estimators=500, num_leaves=31, random_state=0, n_jobs=1, verbose=-1
        ),
        "XGBoost 100 x depth 6": xgboost.XGBClassifier(
            n_estimators=100, max_depth=6, random_state=0, n_jobs=1
        ),
    }


def converted(model: Any) -> bytes:
    """The trained model's ONNX bytes."""
    if isinstance(model, lightgbm.LGBMModel):
        types = [("x", FloatTensorType([None, FEATURES]))]
        graph = onnxmltools.convert_lightgbm(model, initial_types=types, zipmap=False)
    elif isinstance(model, xgboost.XGBModel):
        graph = onnxmltools.convert_xgboost(model, initial_types=[("x", FloatTensorType([None, FEATURES]))])
    else:
        types = [("x", SklearnFloatTensorType([None, FEATURES]))]
        graph = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}})
    serialized: bytes = graph.SerializeToString()
    return serialized


def main() -> None:
    """Train, convert, write."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + x[:, 2] + rng.normal(scale=0.5, size=ROWS) > 0).astype(np.int64)
    for name, model in models().items():
        path = folder / f"{name}.onnx"
        if not path.is_file():
            path.write_bytes(converted(model.fit(x, y)))


if __name__ == "__main__":
    main()
