"""Batches of 64 rows over the network against ONNX Runtime's C API on one core, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benches.bodies import Surface
from benches.figures.bench import Bench, Side, checked, loaded, medians
from benches.kernels import ONNXRUNTIME, Timer
from benches.ratio import Result, compare, in_turn

BATCH = 64
CONNECTIONS = 16
C_API = "ONNX Runtime's C API, 1 core"
SURFACES: dict[str, Surface] = {"gRPC": "grpc", "REST binary": "binary", "REST JSON": "json"}
JUDGED = ("gRPC", "REST binary")


def batches(bench: Bench) -> Iterator[Result]:
    """Rows a second of each surface."""
    timer = Timer.build()
    rows = bench.folder / "rows.f32"
    rows.write_bytes(bench.model.rows.tobytes())
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SURFACES}

    def raw() -> float:
        found = timer.time(bench.onnx, rows, BATCH, ONNXRUNTIME, seconds=bench.seconds, rounds=1)
        return 1e9 / found[ONNXRUNTIME][0]

    with bench.ours() as us:
        sides = {
            name: Side(name, us, replace(bench.bodies.plan(surface, BATCH), connections=CONNECTIONS))
            for name, surface in SURFACES.items()
        }

        for side in sides.values():
            checked(bench, side)

        def served(name: str) -> float:
            bench.now(f"batches of {BATCH}: {name}")
            runs[name].append(loaded(bench, sides[name]))
            return runs[name][-1]["per_second"] * BATCH

        turns = {name: lambda name=name: served(name) for name in SURFACES}
        figures = in_turn({C_API: raw, **turns}, bench.rounds)
    for name in SURFACES:
        yield compare(
            f"{name}, {BATCH} rows a request, {CONNECTIONS} connections",
            "rows/s",
            (figures[name], figures[C_API]),
            theirs_name=C_API,
            at_least=1.5 if name in JUDGED else None,
            details={name: medians(runs[name])},
        )
