"""ONNX graphs by their bytes: what they take and give, and runs of them. Only for worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidegate.errors import ModelRefusedError
from tidegate.types import DataType, Signature, TensorSpec

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

LARGEST = 256 * 1024 * 1024

_FOREIGN = [
    (0, b"\x80", "a Python pickle"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"PAR1", "a Parquet file"),
    (4, b"ORTM", "an ONNX Runtime flatbuffer (.ort)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (257, b"ustar", "a tar archive"),
]
_TYPES: dict[str, DataType] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


def refuse_foreign(data: bytes) -> None:
    """Refuses bytes that can't be an ONNX model, saying what they look like.

    Raises:
        ModelRefusedError: always with what was expected and what came.

    """
    if not data:
        raise ModelRefusedError("the file is empty, expected an ONNX model")
    if len(data) > LARGEST:
        raise ModelRefusedError(f"the model has {len(data)} bytes, at most {LARGEST} are accepted")
    for offset, magic, name in _FOREIGN:
        if data[offset : offset + len(magic)] == magic:
            raise ModelRefusedError(f"this is {name}, expected an ONNX model (a protobuf ModelProto)")


def open_graph(data: bytes) -> onnxruntime.InferenceSession:
    """A session over the bytes, with the scoring process's options: one thread, in sequence, ONNX only.

    Raises:
        ModelRefusedError: no ONNX model, or one that ONNX Runtime refuses; the message carries its reason.

    """
    refuse_foreign(data)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except MemoryError:
        raise
    except Exception as error:
        raise ModelRefusedError(f"this is no ONNX model that can be served: {_reason(error)}") from error


def signature(session: onnxruntime.InferenceSession) -> Signature:
    """Inputs and outputs as the graph declares them; unknown dimensions are -1.

    Raises:
        ModelRefusedError: an input or output that is no tensor, or of a type that the protocol lacks.

    """
    return Signature(
        inputs=[_spec(node, "input") for node in session.get_inputs()],
        outputs=[_spec(node, "output") for node in session.get_outputs()],
    )


def run(session: onnxruntime.InferenceSession, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Every output by name.

    Raises:
        ModelRefusedError: the graph fails on these tensors; the message carries its reason.

    """
    names = [node.name for node in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, tensors), strict=True))
    except MemoryError:
        raise
    except Exception as error:
        raise ModelRefusedError(f"the model fails when it is run: {_reason(error)}") from error


def _spec(node: Any, side: str) -> TensorSpec:
    datatype = _TYPES.get(node.type)
    if datatype is None:
        hint = "; convert with zipmap=False" if node.type.startswith("seq(map") else ""
        raise ModelRefusedError(
            f"{side} {node.name!r} is a {node.type}, expected a tensor of a known type{hint}"
        )
    shape = [size if isinstance(size, int) and size >= 0 else -1 for size in node.shape]
    return TensorSpec(name=node.name, datatype=datatype, shape=shape)


def _reason(error: Exception) -> str:
    """The last part of ONNX Runtime's message, which is its reason."""
    text = " ".join(str(error).split())
    return text.rsplit("] : ", 1)[-1].split(" : ", 1)[-1] if text.startswith("[ONNXRuntimeError]") else text
