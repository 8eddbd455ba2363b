"""The plan through a running server: requests, labels, looks, and the counters at each period's end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tidegate.client import Client
from tidegate.errors import UnavailableError
from tidegate.replay.plan import Plan
from tidegate.replay.senders import GrpcSender, RestSender
from tidegate.replay.server import Server
from tidegate.replay.timeline import HOUR, Outcome, Timeline, Watch
from tidegate.replay.view import View
from tidegate.types import Contract

SETTLE_SECONDS = 60.0
"""How long log and shadows may take to catch up with the last answer."""


@dataclass
class Served:
    """What serving left behind."""

    snapshots: list[tuple[str, bytes]] = field(default_factory=list)
    """The counts with their period, in order: at each period's end, and before each change of traffic."""
    outcome: Outcome = field(default_factory=Outcome)


@dataclass(frozen=True)
class Stage:
    """Where a plan is played: a server, its endpoint, and who sends."""

    server: Server
    client: Client
    endpoint: str
    contract: Contract


def serve(
    stage: Stage, plan: Plan, view: View, look_hours: int, look: Callable[[int], bool] | None = None
) -> Served:
    """Plays ``plan`` and waits until everything is written.

    ``look`` is called every ``look_hours`` of event time, when all that was answered and told by then is
    written, and says whether traffic changed.
    """
    served = Served()
    periods = iter([*plan.periods, plan.periods[-1]])
    current = [next(periods)]

    def snapshot() -> bytes:
        settled(stage.server)
        return stage.server.counts(stage.endpoint)

    def period_over(period: str) -> None:
        served.snapshots.append((period, snapshot()))
        current[0] = next(periods)

    def looking(at: int) -> None:
        if look is not None:
            before = snapshot()
            if look(at):
                served.snapshots.append((current[0], before))

    def feedback(labels: Iterable[Mapping[str, Any]]) -> int:
        return int(stage.client.feedback(labels, endpoint=stage.endpoint)["accepted"])

    with ExitStack() as opened:
        senders = (
            GrpcSender(stage.server.data_address, stage.endpoint, stage.contract, plan),
            RestSender(stage.client, stage.endpoint, stage.contract, plan),
        )
        for sender in senders:
            opened.callback(sender.close)
        bars = opened.enter_context(view.bars())
        task = bars.add_task("asked", total=plan.events.height)
        watch = Watch(
            feedback=feedback,
            period_over=period_over,
            look=looking,
            progress=lambda rows: bars.advance(task, rows),
            look_every=look_hours * HOUR,
            label_every=max(1, look_hours // 8) * HOUR,
        )
        served.outcome = Timeline(plan, senders, watch).run()
    settled(stage.server)
    return served


def settled(server: Server, seconds: float = SETTLE_SECONDS) -> dict[str, Any]:
    """The status once every accepted row is in the log and every shadow was scored or dropped."""
    return _until(server.status, _is_settled, seconds)


def figures(outcome: Outcome, status: dict[str, Any]) -> dict[str, Any]:
    """The ``replay``, ``log`` and ``shadows`` of the result."""
    return {
        "replay": {
            "requests": dict(outcome.requests),
            "rows": sum(outcome.rows.values()),
            "labels": outcome.labels,
            "milliseconds": {
                name: {"median": outcome.percentile(name, 50), "p99": outcome.percentile(name, 99)}
                for name in outcome.requests
            },
        },
        "log": {name: status["predictions"][name] for name in ("accepted", "logged", "dropped")},
        "shadows": status["shadows"],
    }


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
        time.sleep(0.01)
    return found
