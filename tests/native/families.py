"""Small models of every family of trees, trained on the spot, and rows that try their thresholds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

Rows = NDArray[np.float32]
COLUMNS = 10
_TRAINING_ROWS = 1500


def _data() -> tuple[Rows, Rows, NDArray[np.float32]]:
    rng = np.random.default_rng(7)
    full = rng.normal(size=(_TRAINING_ROWS, COLUMNS)).astype(np.float32)
    target = full[:, 0] * 2 + full[:, 1] * full[:, 2] + rng.normal(size=_TRAINING_ROWS) * 0.3
    holes = full.copy()
    holes[rng.random(full.shape) < 0.05] = np.nan
    return full, holes, target.astype(np.float32)


def _targets(kind: str, target: NDArray[np.float32]) -> NDArray[Any]:
    classes = np.digitize(target, [-1.0, 0.0, 1.0])
    found: dict[str, NDArray[Any]] = {
        "binary": (target > 0).astype(int),
        "classes": classes,
        "named": np.array(["low", "mid", "high", "æøå"])[classes],
        "number": target,
        "numbers": np.stack([target, -2 * target], axis=1),
    }
    return found[kind]


def _sklearn(build: Callable[[], Any], kind: str, *, holes: bool) -> bytes:
    from skl2onnx import to_onnx

    full, missing, target = _data()
    rows = missing if holes else full
    model = build().fit(rows, _targets(kind, target))
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    with warnings.catch_warnings():
        # numpy's, about booleans that the converter hands to protobuf as numbers.
        warnings.simplefilter("ignore")
        converted = to_onnx(model, rows[:1], options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    return bytes(converted.SerializeToString())


def _boosting(kind: str) -> bytes:
    from sklearn import ensemble

    number = ensemble.GradientBoostingRegressor(n_estimators=12, random_state=0)
    classes = ensemble.GradientBoostingClassifier(n_estimators=12, max_depth=6, random_state=0)
    return _sklearn(lambda: number if kind == "number" else classes, kind, holes=False)


def _forest(kind: str) -> bytes:
    from sklearn import ensemble

    numbers = ensemble.RandomForestRegressor(n_estimators=12, max_depth=9, random_state=0)
    classes = ensemble.RandomForestClassifier(n_estimators=12, max_depth=9, random_state=0)
    return _sklearn(lambda: numbers if kind.startswith("number") else classes, kind, holes=False)


def _extra(kind: str) -> bytes:
    from sklearn import ensemble

    number = ensemble.ExtraTreesRegressor(n_estimators=12, max_depth=9, random_state=0)
    classes = ensemble.ExtraTreesClassifier(n_estimators=12, max_depth=9, random_state=0)
    return _sklearn(lambda: number if kind == "number" else classes, kind, holes=False)


def _tree(kind: str) -> bytes:
    from sklearn import tree

    number = tree.DecisionTreeRegressor(max_depth=8, random_state=0)
    classes = tree.DecisionTreeClassifier(max_depth=8, random_state=0)
    return _sklearn(lambda: number if kind == "number" else classes, kind, holes=False)


def _histogram(kind: str) -> bytes:
    from sklearn import ensemble

    number = ensemble.HistGradientBoostingRegressor(max_iter=12, early_stopping=False)
    classes = ensemble.HistGradientBoostingClassifier(max_iter=12, early_stopping=False)
    return _sklearn(lambda: number if kind == "number" else classes, kind, holes=True)


def _pipeline(kind: str) -> bytes:
    from sklearn import ensemble, impute, pipeline, preprocessing

    return _sklearn(
        lambda: pipeline.make_pipeline(
            impute.SimpleImputer(strategy="median"),
            preprocessing.StandardScaler(),
            ensemble.GradientBoostingClassifier(n_estimators=12, random_state=0),
        ),
        kind,
        holes=True,
    )


def _lightgbm(kind: str) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lightgbm
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        build = lightgbm.LGBMRegressor if kind == "number" else lightgbm.LGBMClassifier
        _, holes, target = _data()
        model = build(n_estimators=12, verbose=-1, n_jobs=1).fit(holes, _targets(kind, target))
        inputs = [("X", FloatTensorType([None, COLUMNS]))]
        converted = convert_lightgbm(model, initial_types=inputs, zipmap=False, target_opset=15)
    return bytes(converted.SerializeToString())


def _xgboost(kind: str) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import xgboost
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        build = xgboost.XGBRegressor if kind == "number" else xgboost.XGBClassifier
        _, holes, target = _data()
        model = build(n_estimators=12, max_depth=6, n_jobs=1).fit(holes, _targets(kind, target))
        inputs = [("X", FloatTensorType([None, COLUMNS]))]
        converted = convert_xgboost(model, initial_types=inputs, target_opset=15)
    return bytes(converted.SerializeToString())


MAKERS: dict[str, tuple[Callable[[str], bytes], list[str]]] = {
    "boosting": (_boosting, ["binary", "classes", "number"]),
    "forest": (_forest, ["binary", "classes", "named", "number", "numbers"]),
    "extra": (_extra, ["binary", "classes", "number"]),
    "tree": (_tree, ["binary", "classes", "number"]),
    "histogram": (_histogram, ["binary", "classes", "named", "number"]),
    "pipeline": (_pipeline, ["binary", "classes"]),
    "lightgbm": (_lightgbm, ["binary", "classes", "number"]),
    "xgboost": (_xgboost, ["binary", "classes", "number"]),
}
"""By family: what makes its model, and which models there are."""


def thresholds(data: bytes) -> NDArray[np.float32]:
    """Every value of a graph's tree nodes, leaves' included."""
    (node,) = [node for node in onnx.load_from_string(data).graph.node if node.op_type.startswith("TreeEns")]
    (values,) = [attribute.floats for attribute in node.attribute if attribute.name == "nodes_values"]
    return np.array(values, dtype=np.float32)


def rows(data: bytes, count: int, seed: int = 0) -> Rows:
    """Thresholds, their neighbours, missing and infinite values, signed zeros, random bits, numbers."""
    rng = np.random.default_rng(seed)
    shape = (count, COLUMNS)
    values = rng.normal(size=shape).astype(np.float32)
    at = rng.choice(thresholds(data), size=shape)
    kind = rng.integers(0, 16, size=shape)
    values = np.where(kind < 4, at, values)
    values = np.where(kind == 4, np.nextafter(at, np.float32(np.inf)), values)
    values = np.where(kind == 5, np.nextafter(at, np.float32(-np.inf)), values)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, np.nan], dtype=np.float32)
    values = np.where(kind == 6, rng.choice(special, size=shape), values)
    bits = rng.integers(0, 2**32, size=shape, dtype=np.uint32).view(np.float32)
    wild = (kind == 7) & (rng.random(shape) < 0.3)
    return np.where(wild, bits, values).astype(np.float32, copy=False)
