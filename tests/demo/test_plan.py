"""The order of things: requests by hour and origin, labels by landing, nothing told before it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tidegate.demo import plan
from tidegate.demo.plan import Request
from tidegate.demo.replay import Replay
from tidegate.demo.senders import Answer
from tidegate.errors import InvalidInputError

MARCH = datetime(2013, 3, 31, 22, tzinfo=UTC)


def flights(rows: list[tuple[str, int, int | None, int]]) -> pl.DataFrame:
    """(origin, hour of departure, minutes until landing, month) each; two of three are late."""
    utc = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "origin": [row[0] for row in rows],
            "event_time": [MARCH + timedelta(hours=row[1]) for row in rows],
            "landed_at": [
                None if row[2] is None else MARCH + timedelta(hours=row[1], minutes=row[2]) for row in rows
            ],
            "late": [None if row[2] is None else float(index % 3 > 0) for index, row in enumerate(rows)],
            "month": [row[3] for row in rows],
        },
        schema_overrides={"event_time": utc, "landed_at": utc, "month": pl.Int64},
    )


ROWS: list[tuple[str, int, int | None, int]] = [
    ("EWR", 0, 400, 3),
    ("EWR", 0, None, 3),
    ("JFK", 0, 45, 3),
    ("EWR", 1, 50, 3),
    ("EWR", 7, 90, 4),
    ("EWR", 7, 80, 4),
]


class Recorder:
    """A sender and a taker of labels that write down what came, in order."""

    name = "fake"

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.labels: list[Mapping[str, Any]] = []

    def send(self, request: Request) -> Answer:
        self.seen.append(("request", request.key))
        return Answer(prediction_id=f"id-{request.index}", version=str(1 + request.index % 2))

    def close(self) -> None:
        pass

    def feedback(self, labels: Iterable[Mapping[str, Any]]) -> int:
        told = list(labels)
        self.labels += told
        self.seen.append(("labels", [(label["prediction_id"], label["row"]) for label in told]))
        return len(told)

    def month_over(self, month: str) -> None:
        self.seen.append(("month", month))


def test_one_request_per_origin_and_hour_in_event_order() -> None:
    made = plan.make(flights(ROWS))
    assert [(request.key, request.first, request.rows) for request in made.requests] == [
        ("EWR/2013-03-31T22Z", 0, 2),
        ("JFK/2013-03-31T22Z", 2, 1),
        ("EWR/2013-03-31T23Z", 3, 1),
        ("EWR/2013-04-01T05Z", 4, 2),
    ]
    assert made.months == ["2013-03", "2013-04"]
    assert made.request_of.tolist() == [0, 0, 1, 2, 3, 3]
    assert made.label_rows.tolist() == [2, 3, 0, 5, 4]


def test_labels_follow_the_landing_and_months_end_after_their_answers() -> None:
    recorder = Recorder()
    replay = Replay(plan.make(flights(ROWS)), [recorder], recorder.feedback, recorder.month_over)
    outcome = replay.run()
    assert recorder.seen == [
        ("request", "EWR/2013-03-31T22Z"),
        ("request", "JFK/2013-03-31T22Z"),
        ("request", "EWR/2013-03-31T23Z"),
        ("month", "2013-03"),
        ("labels", [("id-1", 0), ("id-2", 0), ("id-0", 0)]),
        ("request", "EWR/2013-04-01T05Z"),
        ("month", "2013-04"),
        ("labels", [("id-3", 1), ("id-3", 0)]),
    ]
    assert [label["label"] for label in recorder.labels] == [1.0, 0.0, 0.0, 1.0, 1.0]
    assert outcome.labels == 5
    assert outcome.requests == {"fake": 4}
    assert outcome.rows == {("2013-03", "1"): 3, ("2013-03", "2"): 1, ("2013-04", "2"): 2}


def test_every_answered_flight_that_landed_is_told_once_and_no_other() -> None:
    recorder = Recorder()
    frame = flights([("EWR", hour, None if hour % 5 == 0 else 31 + hour * 7 % 90, 3) for hour in range(60)])
    Replay(plan.make(frame), [recorder], recorder.feedback, recorder.month_over).run()
    told = [label["prediction_id"] for label in recorder.labels]
    assert sorted(told) == sorted(f"id-{hour}" for hour in range(60) if hour % 5)
    landed = [label["observed_at"] for label in recorder.labels]
    assert landed == sorted(landed)


def test_transports_alternate() -> None:
    first, second = Recorder(), Recorder()
    Replay(plan.make(flights(ROWS)), [first, second], first.feedback, first.month_over).run()
    assert [key for kind, key in second.seen if kind == "request"] == [
        "JFK/2013-03-31T22Z",
        "EWR/2013-04-01T05Z",
    ]


def test_part_of_a_year() -> None:
    frame = flights(ROWS)
    assert plan.make(frame, months=1).events.height == 4
    assert plan.make(frame, months=10, days=1).events.height == 6
    with pytest.raises(InvalidInputError, match="months must be 1 to 10; it is 11"):
        plan.make(frame, months=11)
    with pytest.raises(InvalidInputError, match="days must be at least 1; it is 0"):
        plan.make(frame, days=0)
