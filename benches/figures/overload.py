"""Three times as many requests as can be answered, each with a deadline: what is answered in time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benches import client, home, servers
from benches.bodies import Surface
from benches.figures.bench import Bench
from benches.ratio import Result, compare, value
from benches.small import slow

TIMES = 3.0
DEADLINE_MS = 25
LEAST = 0.7
IN_FLIGHT = {"grpc": (16, 64), "json": (1024, 1)}
"""Connections, and requests on each at once: enough that the client never waits for the server."""
CLOSED = {"grpc": (16, 2), "json": (32, 1)}
REFUSED = {"grpc": {"4", "8", "expired"}, "json": {"429", "504", "expired"}}
"""Codes that say that there was no room or no time; ``expired`` never left the client."""
GOOD = {"grpc": "0", "json": "200"}


def overload(bench: Bench) -> Iterator[Result]:
    """Goodput of a slow model at three times its capacity."""
    folder = Path(tempfile.mkdtemp(prefix="slow-", dir=bench.folder))
    slow_model = home.Served(home.ENDPOINT, slow(), bench.model.reference, outputs=(home.PROBABILITIES,))
    home.make_many(folder, [slow_model])
    with servers.tidegate(folder) as us:
        for surface in ("grpc", "json"):
            yield from _surface(bench, us.address, surface)


def _surface(bench: Bench, address: str, surface: Surface) -> Iterator[Result]:
    plan = replace(bench.bodies.plan(surface), answers=None)
    connections, streams = CLOSED[surface]
    closed = replace(plan, connections=connections, streams=streams, seconds=bench.seconds)
    connections, streams = IN_FLIGHT[surface]
    client.run(bench.load, address, closed)
    capacity, goodput, p99, other = [], [], [], []
    codes: dict[str, int] = {}
    for number in range(bench.rounds):
        bench.now(f"overload, {surface}, round {number + 1}")
        capacity.append(client.run(bench.load, address, closed).flawless().per_second)
        rate = TIMES * capacity[-1]
        flood = replace(
            plan,
            connections=connections,
            streams=streams,
            rate=rate,
            timeout_ms=DEADLINE_MS,
            seconds=bench.seconds,
        )
        run = client.run(bench.load, address, flood)
        goodput.append((run.good - run.late) / bench.seconds)
        p99.append(run.p99_us / 1000)
        known = REFUSED[surface] | {GOOD[surface]}
        other.append(float(sum(count for code, count in run.codes.items() if code not in known)))
        for code, count in run.codes.items():
            codes[code] = codes.get(code, 0) + count
    name = f"{TIMES:g}x overload, {surface}"
    theirs = "its capacity, closed loop"
    details = {"codes": codes, "p99_ms": p99}
    yield compare(
        f"{name}, goodput in {DEADLINE_MS} ms",
        "requests/s",
        (goodput, capacity),
        theirs_name=theirs,
        at_least=LEAST,
        details=details,
    )
    yield value(f"{name}, p99 of what was answered", "ms", p99, at_most=float(DEADLINE_MS))
    yield value(
        f"{name}, refused with another code", "requests", other, at_most=0.0, details={"codes": codes}
    )
