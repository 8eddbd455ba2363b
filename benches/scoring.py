"""One row, scored in this process: our scorer against onnxruntime's session, both called from Python."""

from __future__ import annotations

import time

import onnxruntime

from benches.boosting import Boosting
from benches.ratio import Result, compare, interleaved
from tidegate._native import Scorer
from tidegate.serving.runtime import library

ROUNDS = 40


def scoring(model: Boosting) -> Result:
    """Microseconds of this thread's processor time a row, each row in a batch of its own."""
    rows = [model.rows[index : index + 1] for index in range(len(model.rows))]
    scorer = Scorer(model.onnx, library())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.onnx, options, providers=["CPUExecutionProvider"])

    def ours() -> float:
        began = time.thread_time()
        for row in rows:
            scorer.score({"x": row})
        return (time.thread_time() - began) / len(rows) * 1e6

    def theirs() -> float:
        began = time.thread_time()
        for row in rows:
            session.run(None, {"x": row})
        return (time.thread_time() - began) / len(rows) * 1e6

    ours()
    theirs()
    figures = interleaved(ours, theirs, ROUNDS)
    name = "score one row in process"
    return compare(name, "us", figures, theirs_name="onnxruntime InferenceSession.run", at_most=1.0)
