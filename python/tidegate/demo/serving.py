"""The plan through a running server: requests, labels, a look at the counters at each month's end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.client import Client
from tidegate.demo.models import ENDPOINT
from tidegate.demo.plan import Plan
from tidegate.demo.replay import Outcome, Replay
from tidegate.demo.senders import GrpcSender, RestSender
from tidegate.demo.server import Server
from tidegate.demo.view import View
from tidegate.errors import UnavailableError
from tidegate.types import Contract

SETTLE_SECONDS = 60.0
"""How long log and shadows may take to catch up with the last answer."""


@dataclass(frozen=True)
class Served:
    """What is left when the server has stopped."""

    snapshots: dict[str, bytes]
    """The counts at the end of each month, in order."""
    figures: dict[str, Any]
    """The ``replay``, ``log``, ``lineage`` and ``audit`` of the result."""


def serve(home: Path, plan: Plan, contract: Contract, view: View) -> Served:
    """Starts a server, replays ``plan`` against it, waits until everything is written, and stops it."""
    snapshots: dict[str, bytes] = {}
    with Server(home) as server, Client(home=home) as client, ExitStack() as opened:
        view.say(f"tidegate serve (process {server.pid}): gRPC and REST on {server.data_address}")

        def month_over(month: str) -> None:
            settled(server)
            snapshots[month] = server.counts(ENDPOINT)

        def feedback(labels: Iterable[Mapping[str, Any]]) -> int:
            return int(client.feedback(labels, endpoint=ENDPOINT)["accepted"])

        senders = (
            GrpcSender(server.data_address, ENDPOINT, contract, plan),
            RestSender(client, ENDPOINT, contract, plan),
        )
        for sender in senders:
            opened.callback(sender.close)
        with view.bars() as bars:
            task = bars.add_task("flights", total=plan.events.height)
            outcome = Replay(plan, senders, feedback, month_over, lambda rows: bars.advance(task, rows)).run()
        status = settled(server)
        lineage = client.lineage(outcome.last_prediction)
        audit = client.audit_verify()
    figures = {
        "replay": _replay(outcome),
        "log": {name: status["predictions"][name] for name in ("accepted", "logged", "dropped")},
        "shadows": status["shadows"],
        "lineage": lineage,
        "audit": audit,
    }
    return Served(snapshots, figures)


def settled(server: Server, seconds: float = SETTLE_SECONDS) -> dict[str, Any]:
    """The status once every accepted row is in the log and every shadow was scored or dropped."""
    return _until(server.status, _is_settled, seconds)


def _is_settled(status: dict[str, Any]) -> bool:
    predictions, shadows = status["predictions"], status["shadows"]
    return bool(
        predictions["logged"] >= predictions["accepted"]
        and shadows["scored"] + shadows["dropped"] >= shadows["queued"]
    )


def _until(
    ask: Callable[[], dict[str, Any]], good: Callable[[dict[str, Any]], bool], seconds: float
) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while not good(found := ask()):
        if time.monotonic() > deadline:
            raise UnavailableError(f"log and shadows did not catch up within {seconds:g} s: {found}")
        time.sleep(0.02)
    return found


def _replay(outcome: Outcome) -> dict[str, Any]:
    return {
        "requests": dict(outcome.requests),
        "rows": sum(outcome.rows.values()),
        "labels": outcome.labels,
        "milliseconds": {
            name: {"median": outcome.percentile(name, 50), "p99": outcome.percentile(name, 99)}
            for name in outcome.requests
        },
    }
