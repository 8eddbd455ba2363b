"""What drift counting and the prediction log cost: server processor time with each on and off."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from benches.figures.bench import Bench, Side, checked, loaded
from benches.ratio import Result, compare, in_turn

MOST = 1.03
MORE_ROUNDS = 4
"""Three in a hundred is little: there are more rounds than elsewhere, and shorter ones."""
SHORTER = 0.4
BATCH = 64


def switches(bench: Bench) -> Iterator[Result]:
    """Processor time a request with one row, and a row in batches."""
    seconds = bench.seconds * SHORTER
    short = replace(bench, seconds=seconds)
    with contextlib.ExitStack() as stack:
        servers = {
            "both on": stack.enter_context(bench.ours()),
            "drift off": stack.enter_context(bench.ours(drift=False)),
            "log off": stack.enter_context(bench.ours(log=False)),
        }
        for batch, connections in ((1, 16), (BATCH, 16)):
            plan = replace(bench.bodies.plan("grpc", batch), connections=connections)
            sides = {name: Side(name, server, plan) for name, server in servers.items()}
            bench.now(f"drift and log on and off, batches of {batch}")
            for side in sides.values():
                checked(bench, side)

            def turn(side: Side, batch: int = batch) -> Callable[[], float]:
                return lambda: loaded(short, side)["server_cpu_us"] / batch * (1 if batch == 1 else 1000)

            turns = {name: turn(side) for name, side in sides.items()}
            figures = in_turn(turns, bench.rounds * MORE_ROUNDS)
            unit = "server CPU, us a request" if batch == 1 else "server CPU, ns a row"
            for off in ("drift off", "log off"):
                what = f"{off.split()[0]} on against off, gRPC {connections} x {batch} rows"
                pair = (figures["both on"], figures[off])
                yield compare(what, unit, pair, theirs_name=off, at_most=MOST if batch == 1 else None)
