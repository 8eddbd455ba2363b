"""The model as every peer opens it."""

from __future__ import annotations

import onnxruntime


def opened(onnx: str) -> onnxruntime.InferenceSession:
    """A session with one thread, which is the fastest for a model as small as this."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
