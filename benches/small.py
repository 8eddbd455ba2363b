"""Small models of two kinds, and one that is slow."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benches.boosting import FEATURES

SMALL = 24
SLOW_WIDTH = 2048
SLOW_LAYERS = 2


def small(folder: Path) -> list[bytes]:
    """As many small models as fit behind one product: linear ones and short boostings, all different."""
    if len(list(folder.glob("*.onnx"))) != SMALL:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(SMALL):
            (folder / f"{number}.onnx").write_bytes(_trained(number))
    return [(folder / f"{number}.onnx").read_bytes() for number in range(SMALL)]


def _trained(number: int) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(number)
    x = rng.normal(size=(1000, FEATURES)).astype(np.float32)
    y = (x[:, number % FEATURES] + 0.3 * rng.normal(size=len(x)) > 0).astype(np.int64)
    model: Any = (
        GradientBoostingClassifier(n_estimators=20, random_state=0) if number % 2 else LogisticRegression()
    )
    options = {id(model): {"zipmap": False}}
    types = [("x", FloatTensorType([None, FEATURES]))]
    serialized: bytes = to_onnx(model.fit(x, y), initial_types=types, options=options).SerializeToString()
    return serialized


def slow() -> bytes:
    """A network of dense layers that takes about a millisecond a row, most of it to read its weights."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    widths = [FEATURES, *[SLOW_WIDTH] * SLOW_LAYERS, 2]
    nodes, weights, name = [], [], "x"
    for layer, (inside, outside) in enumerate(pairwise(widths)):
        weight = (rng.normal(size=(inside, outside)) / np.sqrt(inside)).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [name, f"w{layer}"], [f"m{layer}"]))
        last = outside == widths[-1]
        name = "probabilities" if last else f"a{layer}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"m{layer}"], [name]))
    graph = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, FEATURES])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    serialized: bytes = model.SerializeToString()
    return serialized
