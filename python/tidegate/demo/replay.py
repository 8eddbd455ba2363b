"""The year once more, in order of event time: ask, tell what happened, look at the counts each month."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidegate.demo import data
from tidegate.demo.plan import Plan, Request
from tidegate.demo.senders import Answer, Sender

LABEL_MICROSECONDS = 6 * 3600 * 1_000_000
"""Labels are told in bulk every six hours of event time."""

Feedback = Callable[[Iterable[Mapping[str, Any]]], int]


@dataclass
class Outcome:
    """What the replay counted on the clients' side."""

    requests: Counter[str] = field(default_factory=Counter)
    """By transport."""
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By month and version."""
    labels: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """How long each answer took, by transport."""
    last_prediction: str = ""

    def percentile(self, transport: str, q: float) -> float:
        """A percentile of the transport's answer times, in milliseconds."""
        return float(np.percentile(self.seconds[transport], q)) * 1e3


class Replay:
    """Sends a plan's requests, alternating the senders, one after the other.

    ``feedback`` takes labels and says how many were accepted; ``month_over`` is called when every request of
    a month has been answered; ``progress`` with the number of rows of each answered request.
    """

    def __init__(
        self,
        plan: Plan,
        senders: Sequence[Sender],
        feedback: Feedback,
        month_over: Callable[[str], None],
        progress: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._plan, self._senders = plan, senders
        self._feedback, self._month_over, self._progress = feedback, month_over, progress
        self._answers: list[Answer] = []
        self._told = 0
        self._targets = plan.events[data.TARGET].to_list()
        self.outcome = Outcome(seconds={sender.name: [] for sender in senders})

    def run(self) -> Outcome:
        """Replays the whole plan; every label has been told when it returns."""
        period, month = 0, self._plan.requests[0].month
        for request in self._plan.requests:
            if request.month != month:
                self._month_over(month)
                month = request.month
            if request.event_time // LABEL_MICROSECONDS != period:
                period = request.event_time // LABEL_MICROSECONDS
                self._tell(until=request.event_time)
            self._ask(request)
        self._month_over(month)
        self._tell(until=None)
        return self.outcome

    def _ask(self, request: Request) -> None:
        sender = self._senders[request.index % len(self._senders)]
        begun = time.perf_counter()
        answer = sender.send(request)
        self.outcome.seconds[sender.name].append(time.perf_counter() - begun)
        self._answers.append(answer)
        self.outcome.requests[sender.name] += 1
        self.outcome.rows[request.month, answer.version] += request.rows
        self.outcome.last_prediction = answer.prediction_id
        self._progress(request.rows)

    def _tell(self, until: int | None) -> None:
        """Tells the labels of the flights that have landed by now and have not been told yet."""
        times = self._plan.label_times
        end = len(times) if until is None else int(np.searchsorted(times, until, side="right"))
        if end > self._told:
            self.outcome.labels += self._feedback(
                self._label(row, at)
                for row, at in zip(
                    self._plan.label_rows[self._told : end].tolist(),
                    times[self._told : end].tolist(),
                    strict=True,
                )
            )
            self._told = end

    def _label(self, row: int, landed_at: int) -> dict[str, Any]:
        index = int(self._plan.request_of[row])
        return {
            "prediction_id": self._answers[index].prediction_id,
            "row": row - self._plan.requests[index].first,
            "label": self._targets[row],
            "observed_at": landed_at,
        }
