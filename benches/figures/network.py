"""Requests over the network against the servers that Python users write: FastAPI and grpcio.aio."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benches import servers
from benches.bodies import REST_PATH, Surface, rest
from benches.figures.bench import Bench, Side, Sides
from benches.ratio import Result, compare
from benches.servers import Serving

OURS = "Tidegate"
FASTAPI = "FastAPI + orjson, 1 worker"
FASTAPI_2 = "FastAPI + orjson, 2 workers"
TYPED = "FastAPI + Pydantic, 1 worker"
GRPCIO = "grpcio.aio"


@dataclass(frozen=True)
class Case:
    """A load, and the bar of its requests a second or its latency against one peer."""

    name: str
    surface: Surface
    connections: int
    streams: int
    at_least: float | None = None
    p50_at_most: float | None = None


CASES = (
    Case("gRPC, 16 connections", "grpc", 16, 1, at_least=12),
    Case("gRPC, 1 connection x 16 streams", "grpc", 1, 16, at_least=12),
    Case("gRPC, 1 connection", "grpc", 1, 1, p50_at_most=0.22),
    Case("REST JSON, 16 connections", "json", 16, 1, at_least=9),
    Case("REST JSON, 64 connections", "json", 64, 1, at_least=9),
    Case("REST JSON, 1 connection", "json", 1, 1, p50_at_most=0.33),
)


def network(bench: Bench) -> Iterator[Result]:
    """All loads with one row a request."""
    with contextlib.ExitStack() as stack:
        us = stack.enter_context(bench.ours())
        them = {GRPCIO: stack.enter_context(servers.peer("grpcio", bench.onnx))}
        body = bench.bodies.first(rest)
        for name, workers in ((FASTAPI, "1"), (FASTAPI_2, "2")):
            started = servers.peer("fastapi", bench.onnx, workers, path=REST_PATH, body=body)
            them[name] = stack.enter_context(started)
        for case in CASES:
            bench.now(case.name)
            yield from _case(bench, case, us, them)


def _case(bench: Bench, case: Case, us: Serving, them: dict[str, Serving]) -> Iterator[Result]:
    plan = replace(bench.bodies.plan(case.surface), connections=case.connections, streams=case.streams)
    typed = replace(plan, path="/typed")
    if case.surface == "grpc":
        peers = [Side(GRPCIO, them[GRPCIO], plan)]
    else:
        peers = [
            Side(FASTAPI, them[FASTAPI], plan),
            Side(FASTAPI_2, them[FASTAPI_2], plan),
            Side(TYPED, them[FASTAPI], typed),
        ]
    sides = Sides(bench, [Side(OURS, us, plan), *peers])
    rates = sides.measured()
    for number, peer in enumerate(peers):
        judged = number == 0
        details = sides.details(OURS, peer.name)
        if case.p50_at_most is not None:
            latencies = (sides.figures(OURS, "p50_us"), sides.figures(peer.name, "p50_us"))
            bar = case.p50_at_most if judged else None
            name = f"{case.name}, p50"
            yield compare(name, "us", latencies, theirs_name=peer.name, at_most=bar, details=details)
        else:
            bar = case.at_least if judged else None
            figures = (rates[OURS], rates[peer.name])
            yield compare(
                case.name, "requests/s", figures, theirs_name=peer.name, at_least=bar, details=details
            )
