"""Make the small ONNX models of this folder, and `onnx_reference.json` with onnxruntime's answers.

Run it from anywhere with the project's environment: `python tests/data/make_onnx.py`. The models are
committed, so that the tests need no training; run this again only to change them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

HERE = Path(__file__).parent
OPSETS = {"": 17, "ai.onnx.ml": 3}
rng = np.random.default_rng(7)

Inputs = dict[str, np.ndarray[Any, Any]]


def matrix() -> tuple[onnx.ModelProto, Inputs]:
    """Gradient boosting on a matrix of four floats: label int64, probabilities [N, 2]."""
    x = rng.normal(size=(400, 4)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(np.int64)
    model = GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=1).fit(x, y)
    rows = rng.normal(size=(16, 4)).astype(np.float32)
    return convert(model, [("x", FloatTensorType([None, 4]))]), {"x": rows}


def mixed() -> tuple[onnx.ModelProto, Inputs]:
    """A string, a float (with NaN) and an int64 column through an ordinal encoder and histogram boosting."""
    carriers = np.array(["AA", "B6", "UA", "ÆØ"])
    carrier = rng.choice(carriers, size=600)
    distance = rng.gamma(2.0, 400.0, size=600).astype(np.float32)
    distance[::17] = np.nan
    hour = rng.integers(0, 24, size=600)
    y = ((carrier == "UA") ^ (hour > 15) ^ (distance > 900)).astype(np.int64)
    table = np.empty((600, 3), dtype=object)
    table[:, 0], table[:, 1], table[:, 2] = carrier, distance, hour
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("carrier", encoder, [0]), ("numbers", "passthrough", [1, 2])])
    boosting = HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=6, random_state=1)
    model = make_pipeline(columns, boosting).fit(table, y)
    types = [
        ("carrier", StringTensorType([None, 1])),
        ("distance", FloatTensorType([None, 1])),
        ("hour", Int64TensorType([None, 1])),
    ]
    rows: Inputs = {
        "carrier": np.append(rng.choice(carriers, size=14), ["unseen", ""]).astype(object).reshape(-1, 1),
        "distance": np.append(distance[:15], np.nan).astype(np.float32).reshape(-1, 1),
        "hour": np.append(rng.integers(0, 24, size=15), 2**40).astype(np.int64).reshape(-1, 1),
    }
    return convert(model, types), rows


def labels() -> tuple[onnx.ModelProto, Inputs]:
    """Three classes with string names: the label output is a string tensor."""
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = np.array(["early", "late", "très tard"])[(x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)]
    model = LogisticRegression().fit(x, y)
    return convert(model, [("x", FloatTensorType([None, 2]))]), {
        "x": rng.normal(size=(12, 2)).astype(np.float32)
    }


def declared(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, with a label declared as one element, as LightGBM's converter does."""
    wrong = onnx.ModelProto()
    wrong.CopyFrom(model)
    wrong.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    return wrong


def identity() -> onnx.ModelProto:
    """Gives back a tensor [N, 2] of every element type of the Open Inference Protocol."""
    names = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"]
    names += ["FLOAT16", "FLOAT", "DOUBLE", "STRING"]

    def values(prefix: str) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(prefix + n, getattr(TensorProto, n), [None, 2]) for n in names]

    nodes = [helper.make_node("Identity", [n], ["same_" + n]) for n in names]
    return checked(helper.make_graph(nodes, "identity", values(""), values("same_")))


def positive() -> onnx.ModelProto:
    """Keeps the rows above zero: the number of answers depends on the values."""
    nodes = [
        helper.make_node("Constant", [], ["zero"], value_float=0.0),
        helper.make_node("Greater", ["x", "zero"], ["keep"]),
        helper.make_node("Compress", ["x", "keep"], ["kept"], axis=0),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    return checked(
        helper.make_graph(
            nodes, "positive", [x], [helper.make_tensor_value_info("kept", TensorProto.FLOAT, [None])]
        )
    )


def loops() -> onnx.ModelProto:
    """Adds one to each row, as often as the largest row says: for ever, for a large one."""
    one = helper.make_node("Constant", [], ["one"], value_float=1.0)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            one,
            helper.make_node("Add", ["before", "one"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [None, 1]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["rounds"], to=TensorProto.INT64),
        helper.make_node("Loop", ["rounds", "", "x"], ["y"], name="as often as x", body=body),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    return checked(helper.make_graph(nodes, "loops", [x], [y]))


def fixed() -> onnx.ModelProto:
    """Takes exactly three rows."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 2])
    return checked(helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "fixed", [x], [y]))


def zipmap() -> onnx.ModelProto:
    """A classifier as skl2onnx converts it by default: the probabilities are a sequence of maps."""
    x = rng.normal(size=(50, 2)).astype(np.float32)
    model = LogisticRegression().fit(x, (x[:, 0] > 0).astype(np.int64))
    return to_onnx(model, initial_types=[("x", FloatTensorType([None, 2]))], target_opset=OPSETS)


def convert(model: Any, types: list[tuple[str, Any]]) -> onnx.ModelProto:
    """Convert with the probabilities as a tensor."""
    options = {id(model): {"zipmap": False}}
    return to_onnx(model, initial_types=types, target_opset=OPSETS, options=options)


def checked(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A model of `graph`, checked."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def answers(data: bytes, inputs: Inputs) -> dict[str, Any]:
    """What onnxruntime answers on one thread: inputs and outputs as lists, NaN as null."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, inputs)
    names = [output.name for output in session.get_outputs()]
    return {
        "inputs": {name: described(value) for name, value in inputs.items()},
        "outputs": {name: described(value) for name, value in zip(names, outputs, strict=True)},
    }


def described(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """An array as JSON; float32 values are written so that they are read back exactly."""
    values = [None if isinstance(v, float) and v != v else v for v in array.ravel().tolist()]
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": values}


def main() -> None:
    """Write all models and their answers."""
    reference = {}
    made = {"matrix": matrix(), "mixed": mixed(), "labels": labels()}
    made["declared"] = (declared(made["matrix"][0]), made["matrix"][1])
    for name, (model, inputs) in made.items():
        data = model.SerializeToString()
        (HERE / f"{name}.onnx").write_bytes(data)
        reference[name] = answers(data, inputs)
    for name, model in {
        "identity": identity(),
        "positive": positive(),
        "fixed": fixed(),
        "loops": loops(),
        "zipmap": zipmap(),
    }.items():
        (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    (HERE / "onnx_reference.json").write_text(json.dumps(reference, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
