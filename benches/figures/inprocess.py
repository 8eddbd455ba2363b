"""One row in this process with routing, drift counting and the log, against ``InferenceSession.run``."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benches import home
from benches.figures.bench import Bench
from benches.kernels import ONNXRUNTIME
from benches.ratio import Result, compare, interleaved, missing
from tidegate import _native
from tidegate.serving.runtime import library

BARS = {"auto": 0.3, ONNXRUNTIME: 0.85}
ROUNDS = 20
SESSION = "onnxruntime InferenceSession.run"
Row = NDArray[np.float32]


def inprocess(bench: Bench) -> Iterator[Result]:
    """Microseconds of this thread's processor time a row, each row in a batch of its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(bench.model.onnx, options, providers=["CPUExecutionProvider"])
    rows = [bench.model.rows[index : index + 1] for index in range(1024)]
    theirs = _timed(rows, lambda row: session.run(None, {"x": row}))
    engine: Any = getattr(_native, "Engine", None)
    for kernel, bar in BARS.items():
        name = f"one row in process, kernel {kernel}"
        if engine is None:
            yield missing(name, SESSION, "this build has no engine for use in a process")
            continue
        folder = bench.folder / f"inprocess-{kernel}"
        home.make(folder, bench.model)
        settings = {"home": str(folder), "library": str(library()), "kernel": kernel}
        with contextlib.closing(engine(json.dumps(settings))) as opened:
            score: Callable[..., object] = opened.score
            ours = _timed(rows, lambda row, score=score: score(home.ENDPOINT, {"x": row}))
            ours()
            theirs()
            yield compare(name, "us", interleaved(ours, theirs, ROUNDS), theirs_name=SESSION, at_most=bar)


def _timed(rows: list[Row], call: Callable[[Row], object]) -> Callable[[], float]:
    def timed() -> float:
        began = time.thread_time()
        for row in rows:
            call(row)
        return (time.thread_time() - began) / len(rows) * 1e6

    return timed
