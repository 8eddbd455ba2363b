"""The servers that pip can install, one after the other, each in turn with ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benches import servers
from benches.bodies import REST_PATH, Encoder, inputs, rest, rows
from benches.environments import MissingPeerError
from benches.figures.bench import Bench, Side, Sides
from benches.ratio import Result, compare, missing
from benches.servers import Serving

OURS = "Tidegate"
CONNECTIONS = 16
MOST_ROUNDS = 3


@dataclass(frozen=True)
class Peer:
    """How one is called."""

    title: str
    path: str
    encoder: Encoder


PEERS = {
    "mosec": Peer("mosec", "/inference", rows),
    "litserve": Peer("LitServe", "/predict", rows),
    "bentoml": Peer("BentoML", "/score", rows),
    "mlserver": Peer("MLServer", REST_PATH, rest),
    "mlflow": Peer("MLflow", "/invocations", inputs),
    "ray": Peer("Ray Serve", "/", rows),
}


def peers(bench: Bench) -> Iterator[Result]:
    """REST JSON, one row a request, at 16 connections and at one."""
    with bench.ours() as us:
        for name in bench.peers:
            bench.now(PEERS[name].title)
            yield from _against(bench, us, name)


def _against(bench: Bench, us: Serving, name: str) -> Iterator[Result]:
    peer = PEERS[name]
    figure = f"REST JSON, {CONNECTIONS} connections"
    with contextlib.ExitStack() as stack:
        try:
            body = bench.bodies.first(peer.encoder)
            them = stack.enter_context(servers.peer(name, bench.onnx, path=peer.path, body=body))
            theirs = bench.bodies.http(peer.path, peer.encoder)
            ours = bench.bodies.plan("json")
            found = []
            for connections in (CONNECTIONS, 1):
                sides = Sides(
                    bench,
                    [
                        Side(OURS, us, replace(ours, connections=connections)),
                        Side(peer.title, them, replace(theirs, connections=connections)),
                    ],
                )
                found.append((sides.measured(min(bench.rounds, MOST_ROUNDS)), sides))
        except (MissingPeerError, RuntimeError) as error:
            yield missing(figure, peer.title, str(error))
            return
    (rates, many), (_, single) = found
    details = many.details(OURS, peer.title)
    yield compare(
        figure, "requests/s", (rates[OURS], rates[peer.title]), theirs_name=peer.title, details=details
    )
    latencies = (single.figures(OURS, "p50_us"), single.figures(peer.title, "p50_us"))
    details = single.details(OURS, peer.title)
    yield compare("REST JSON, 1 connection, p50", "us", latencies, theirs_name=peer.title, details=details)
