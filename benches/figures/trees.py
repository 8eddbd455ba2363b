"""The native kernel for tree ensembles against ONNX Runtime's C API, five families."""

from __future__ import annotations

from collections.abc import Iterator

from benches.environments import MissingPeerError
from benches.figures.bench import Bench
from benches.kernels import ONNXRUNTIME, TREES, Timer, families, rows_with_gaps
from benches.ratio import Result, compare, missing

ROWS = 4096
BARS = {1: 5.0, 64: 6.0}
REPEATED = 2.0
C_API = "ONNX Runtime's C API"


def trees(bench: Bench) -> Iterator[Result]:
    """Rows a second on one core: different rows, and the same row or batch again and again."""
    try:
        models = families()
    except MissingPeerError as error:
        yield missing("five families of trees", C_API, str(error))
        return
    timer = Timer.build()
    many = rows_with_gaps(bench.folder / "many.f32", ROWS)
    pace = {"seconds": min(0.3, bench.seconds / 4), "rounds": bench.rounds}
    for model in models:
        bench.now(model.stem)
        for batch, bar in BARS.items():
            once = rows_with_gaps(bench.folder / f"once-{batch}.f32", batch)
            for what, rows, at_least in (("", many, bar), (", repeated", once, REPEATED)):
                found = timer.time(model, rows, batch, ONNXRUNTIME, TREES, **pace)
                rates = tuple([1e9 / ns for ns in found[name]] for name in (TREES, ONNXRUNTIME))
                name = f"{model.stem}, batch {batch}{what}"
                yield compare(name, "rows/s", (rates[0], rates[1]), theirs_name=C_API, at_least=at_least)
