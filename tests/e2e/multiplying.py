"""Models that multiply: small graphs that are no trees, whose answers tell which of them answered."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

import tidegate


def times(factor: float, word: str = "") -> bytes:
    """``y = x * factor``, with a word in the file."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "times",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])],
        doc_string=word,
    )
    made: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    return made.SerializeToString()


def house(folder: Path, *words: str) -> Path:
    """A trial home whose endpoint ``times`` is answered by version 1; version N multiplies by N."""
    home = Path(tidegate.init(folder / "home", trial=True)["home"])
    with tidegate.open(home) as verbs:
        verbs.create_model("times")
        for factor, word in enumerate(words, start=1):
            path = folder / f"{factor}.onnx"
            path.write_bytes(times(factor, word))
            verbs.register_model_file("times", path)
        verbs.create_endpoint("times", "times", "1")
        verbs.set_traffic("times", {"1": 1.0})
    return home
