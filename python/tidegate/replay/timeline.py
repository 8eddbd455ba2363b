"""The recording once more, in order of event time: ask, tell what happened, and look now and then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidegate.replay.plan import Plan, Request
from tidegate.replay.senders import Sender

HOUR = 3_600_000_000
"""Microseconds."""

Feedback = Callable[[Iterable[Mapping[str, Any]]], int]


@dataclass
class Outcome:
    """What the replay counted on the clients' side."""

    requests: Counter[str] = field(default_factory=Counter)
    """By transport."""
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By period and version."""
    labels: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """How long each answer took, by transport."""
    predictions: list[str] = field(default_factory=list)
    """The id of each request's answer, in order."""

    def percentile(self, transport: str, q: float) -> float:
        """A percentile of the transport's answer times, in milliseconds."""
        return float(np.percentile(self.seconds[transport], q)) * 1e3


@dataclass(frozen=True)
class Watch:
    """What is done beside asking, each at its event time."""

    feedback: Feedback
    """Takes labels and says how many were accepted."""
    period_over: Callable[[str], None] = lambda _period: None
    """Called when every request of a month or day has been answered."""
    look: Callable[[int], None] = lambda _at: None
    """Called every ``look_every`` with the event time; what was known by then has been told."""
    progress: Callable[[int], None] = lambda _rows: None
    """Called with the rows of each answered request."""
    look_every: int = 48 * HOUR
    label_every: int = 6 * HOUR
    """Labels are told in bulk."""


class Timeline:
    """Sends a plan's requests, alternating the senders, one after the other."""

    def __init__(self, plan: Plan, senders: Sequence[Sender], watch: Watch) -> None:
        self._plan, self._senders, self._watch = plan, senders, watch
        self._told = 0
        self.outcome = Outcome(seconds={sender.name: [] for sender in senders})

    def run(self) -> Outcome:
        """Replays the whole plan; every label has been told when it returns, and a last look taken."""
        plan, watch = self._plan, self._watch
        begun = plan.requests[0].event_time
        period, bulk, look = plan.requests[0].period, begun // watch.label_every, begun // watch.look_every
        for request in plan.requests:
            if request.period != period:
                watch.period_over(period)
                period = request.period
            if request.event_time // watch.look_every > look:
                look = request.event_time // watch.look_every
                self._tell(until=look * watch.look_every)
                watch.look(look * watch.look_every)
            if request.event_time // watch.label_every != bulk:
                bulk = request.event_time // watch.label_every
                self._tell(until=request.event_time)
            self._ask(request)
        watch.period_over(period)
        self._tell(until=None)
        watch.look(self._end())
        return self.outcome

    def _end(self) -> int:
        """When the last row had been asked about and the last label was known."""
        labels = self._plan.label_times
        last = self._plan.requests[-1].event_time
        return max(last, int(labels[-1]) if len(labels) else last) + 1

    def _ask(self, request: Request) -> None:
        sender = self._senders[request.index % len(self._senders)]
        begun = time.perf_counter()
        answer = sender.send(request)
        self.outcome.seconds[sender.name].append(time.perf_counter() - begun)
        self.outcome.requests[sender.name] += 1
        self.outcome.rows[request.period, answer.version] += request.rows
        self.outcome.predictions.append(answer.prediction_id)
        self._watch.progress(request.rows)

    def _tell(self, until: int | None) -> None:
        """Tells the labels that are known by now and have not been told yet."""
        times = self._plan.label_times
        end = len(times) if until is None else int(np.searchsorted(times, until, side="right"))
        if end > self._told:
            rows = self._plan.label_rows[self._told : end].tolist()
            moments = times[self._told : end].tolist()
            self.outcome.labels += self._watch.feedback(map(self._label, rows, moments))
            self._told = end

    def _label(self, row: int, known: int) -> dict[str, Any]:
        index = int(self._plan.request_of[row])
        return {
            "prediction_id": self.outcome.predictions[index],
            "row": row - self._plan.requests[index].first,
            "label": float(self._plan.labels[row]),
            "observed_at": known,
        }
