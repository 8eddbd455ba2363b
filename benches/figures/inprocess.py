"""One row in this process with routing, drift counting and the log, against ``InferenceSession.run``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benches import home
from benches.figures.bench import Bench
from benches.kernels import ONNXRUNTIME
from benches.ratio import Result, compare, interleaved
from tidegate._native import Engine
from tidegate.serving.runtime import library

BARS = {"auto": 0.3, ONNXRUNTIME: 0.85}
ROUNDS = 20
Row = NDArray[np.float32]
SESSION = "onnxruntime InferenceSession.run"


def inprocess(bench: Bench) -> Iterator[Result]:
    """Microseconds of this thread's processor time a row, each row in a batch of its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(bench.model.onnx, options, providers=["CPUExecutionProvider"])
    rows = [bench.model.rows[index : index + 1] for index in range(1024)]
    for kernel, bar in BARS.items():
        folder = bench.folder / f"inprocess-{kernel}"
        home.make(folder, bench.model)
        engine = Engine(json.dumps({"home": str(folder), "library": str(library()), "kernel": kernel}))
        try:
            ours = _timed(rows, lambda row, engine=engine: engine.score(home.ENDPOINT, {"x": row}))
            theirs = _timed(rows, lambda row: session.run(None, {"x": row}))
            ours()
            theirs()
            name = f"one row in process, kernel {kernel}"
            figures = interleaved(ours, theirs, ROUNDS)
            yield compare(name, "us", figures, theirs_name=SESSION, at_most=bar)
        finally:
            engine.close()


def _timed(rows: list[Row], call: Callable[[Row], object]) -> Callable[[], float]:
    def timed() -> float:
        began = time.thread_time()
        for row in rows:
            call(row)
        return (time.thread_time() - began) / len(rows) * 1e6

    return timed
