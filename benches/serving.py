"""gRPC at 16 connections: our scoring process against a grpcio.aio server, same model, same client."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from benches import client, servers
from benches.boosting import Boosting
from benches.figures.bench import Bench, Side, Sides
from benches.ratio import Result, compare

CONNECTIONS = 16
SECONDS = 3.0
ROUNDS = 5


def serving(model: Boosting) -> Result:
    """Requests a second of one row each, one in flight on each connection."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        bench = Bench.prepared(model, folder, client.build(), seconds=SECONDS, rounds=ROUNDS)
        plan = replace(bench.bodies.plan("grpc"), connections=CONNECTIONS)
        with bench.ours() as us, servers.peer("grpcio", bench.onnx) as them:
            sides = Sides(bench, [Side("ours", us, plan), Side("theirs", them, plan)])
            rates = sides.measured()
    return compare(
        f"gRPC at {CONNECTIONS} connections",
        "requests/s",
        (rates["ours"], rates["theirs"]),
        theirs_name="grpcio.aio",
        at_least=5.0,
        details=sides.details("ours", "theirs"),
    )
