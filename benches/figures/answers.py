"""A million requests of different rows, many at once: each answer must belong to its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benches import client
from benches.bodies import Surface
from benches.figures.bench import Bench
from benches.ratio import Result, value

REQUESTS = 1_000_000
MOST_SECONDS = 900.0
LOADS: tuple[tuple[Surface, int, int], ...] = (("grpc", 16, 16), ("json", 64, 1))
"""Surface, connections, requests in flight on each."""


def answers(bench: Bench) -> Iterator[Result]:
    """Answers that are not onnxruntime's own for the rows, to the last bit."""
    with bench.ours() as us:
        for surface, connections, streams in LOADS:
            bench.now(f"a million requests, {surface}")
            share = REQUESTS // len(LOADS)
            plan = replace(
                bench.bodies.plan(surface), connections=connections, streams=streams, requests=share
            )
            run = client.run(bench.load, us.address, plan.lasting(MOST_SECONDS))
            name = f"{surface}, {run.requests:,} requests, {connections} x {streams} in flight, wrong answers"
            wrong = float(run.requests - run.good)
            yield value(name, "answers", [wrong], at_most=0.0, details={"codes": run.codes})
