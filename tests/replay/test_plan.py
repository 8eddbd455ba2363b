"""The order of things: requests by hour and key, labels as they are known, and not before the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.replay import plan
from tidegate.replay.plan import Request
from tidegate.replay.senders import Answer
from tidegate.replay.source import LEAST_EVENTS, LEAST_REFERENCE, Source
from tidegate.replay.timeline import HOUR, Timeline, Watch
from tidegate.training.recipes import Recipe

BEGINS = datetime(2013, 3, 31, 22, tzinfo=UTC)
RECIPE = Recipe(name="one", estimator="logistic_regression", numeric=["x"], target="late")
Row = tuple[str, float, float | None]


def source(rows: list[Row], *, key: str | None = "origin", repeat: int = LEAST_EVENTS) -> Source:
    """(key, hour, hours until the label) each; two of three are late. A row far on makes them enough."""
    reference = [("EWR", -1.0 - at, 1.0) for at in range(LEAST_REFERENCE)]
    rest = [("LGA", 2000.0, None)] * repeat
    everything: list[Row] = [*reference[::-1], *rows, *rest]
    times = [BEGINS + timedelta(hours=row[1]) for row in everything]
    known = [
        None if row[2] is None else at + timedelta(hours=row[2])
        for row, at in zip(everything, times, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "origin": [row[0] for row in everything],
            "x": [0.0] * len(everything),
            "at": times,
            "known": known,
            "late": [None if row[2] is None else float(at % 3 > 0) for at, row in enumerate(everything)],
        },
        schema_overrides={name: pl.Datetime("us", "UTC") for name in ("at", "known")},
    )
    return Source(
        name="flights",
        rows=frame.sort("at", maintain_order=True),
        target="late",
        time="at",
        known="known",
        begins=BEGINS,
        recipes=[RECIPE],
        key=key,
        zone="America/New_York",
    )


ROWS: list[Row] = [
    ("EWR", 0, 7),
    ("EWR", 0, None),
    ("JFK", 0.1, 0.75),
    ("EWR", 1, 0.8),
    ("EWR", 7, 1.5),
    ("EWR", 7, 1.2),
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

    def watch(self, **changes: Any) -> Watch:
        return Watch(
            feedback=self.feedback, period_over=lambda period: self.seen.append(("over", period)), **changes
        )


def test_one_request_per_key_and_hour_in_event_order() -> None:
    made = plan.make(source(ROWS))
    assert [(one.key, one.first, one.rows, one.period) for one in made.requests[:4]] == [
        ("EWR/2013-03-31T22Z", 0, 2, "2013-03"),
        ("JFK/2013-03-31T22Z", 2, 1, "2013-03"),
        ("EWR/2013-03-31T23Z", 3, 1, "2013-03"),
        ("EWR/2013-04-01T05Z", 4, 2, "2013-04"),
    ]
    assert made.periods == ["2013-03", "2013-04", "2013-06"]
    assert made.request_of.tolist()[:6] == [0, 0, 1, 2, 3, 3]
    assert made.label_rows.tolist() == [2, 3, 0, 5, 4]


def test_labels_follow_their_answers_and_periods_end_after_theirs() -> None:
    recorder = Recorder()
    outcome = Timeline(plan.make(source(ROWS)), [recorder], recorder.watch(look_every=9999 * HOUR)).run()
    assert recorder.seen[:-2] == [
        ("request", "EWR/2013-03-31T22Z"),
        ("request", "JFK/2013-03-31T22Z"),
        ("request", "EWR/2013-03-31T23Z"),
        ("over", "2013-03"),
        ("labels", [("id-1", 0), ("id-2", 0), ("id-0", 0)]),
        ("request", "EWR/2013-04-01T05Z"),
        ("over", "2013-04"),
        ("labels", [("id-3", 1), ("id-3", 0)]),
    ]
    assert outcome.labels == 5
    assert outcome.requests == {"fake": 5}
    assert outcome.rows["2013-03", "1"] == 3


def test_a_look_sees_all_that_was_asked_and_known_and_nothing_later() -> None:
    recorder = Recorder()
    looks: list[int] = []

    def look(at: int) -> None:
        looks.append(at)
        recorder.seen.append(("look", at))

    rows: list[Row] = [("EWR", hour, 2.0) for hour in range(100)]
    made = plan.make(source(rows))
    Timeline(made, [recorder], recorder.watch(look=look, look_every=24 * HOUR)).run()
    assert looks[:-1] == sorted(set(looks[:-1]))
    assert all(at % (24 * HOUR) == 0 for at in looks[:-1])
    assert looks[-1] > made.requests[-1].event_time
    asked = {f"id-{one.index}": one.event_time for one in made.requests}
    known = dict(zip(made.label_rows.tolist(), made.label_times.tolist(), strict=True))
    told = 0
    for kind, what in recorder.seen:
        if kind == "labels":
            told += len(what)
        if kind == "look":
            assert told == sum(at <= what for at in known.values())
    assert all(asked[str(one["prediction_id"])] < one["observed_at"] for one in recorder.labels)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 400), st.none() | st.floats(0, 50)), max_size=60
    ),
    st.sampled_from(["origin", None]),
)
def test_every_row_is_asked_once_and_every_label_told_once_after_it(rows: list[Row], key: str | None) -> None:
    recorder = Recorder()
    made = plan.make(source(rows, key=key))
    Timeline(made, [recorder], recorder.watch(label_every=HOUR)).run()
    assert [one.first for one in made.requests] == [0, *list(_ends(made.requests))[:-1]]
    assert sum(one.rows for one in made.requests) == made.events.height == len(rows) + LEAST_EVENTS
    times = [one.event_time for one in made.requests]
    assert times == sorted(times)
    told = [(one["prediction_id"], one["row"]) for one in recorder.labels]
    assert len(set(told)) == len(told) == sum(row[2] is not None for row in rows)
    position = {key: at for at, (kind, key) in enumerate(recorder.seen) if kind == "request"}
    first = {one.index: one for one in made.requests}
    for at, (kind, what) in enumerate(recorder.seen):
        for prediction, _row in what if kind == "labels" else []:
            assert position[first[int(prediction[3:])].key] < at


def _ends(requests: list[Request]) -> Iterable[int]:
    return (one.first + one.rows for one in requests)


@pytest.mark.parametrize(("rows", "batch"), [(40, 1), (4000, 4), (20_000, 16)])
def test_without_a_key_up_to_sixteen_rows_are_one_request(rows: int, batch: int) -> None:
    made = plan.make(source([("EWR", 0.01 * at, 1.0) for at in range(rows)], key=None))
    assert {one.rows for one in made.requests[:9]} == {batch}
    assert len({one.key for one in made.requests}) == len(made.requests)


def test_no_request_has_more_rows_than_a_body_can_hold() -> None:
    made = plan.make(source([("EWR", 0, 1.0)] * 1200))
    assert [one.rows for one in made.requests[:3]] == [500, 500, 200]


def test_transports_alternate() -> None:
    first, second = Recorder(), Recorder()
    Timeline(plan.make(source(ROWS)), [first, second], first.watch()).run()
    assert [key for kind, key in second.seen if kind == "request"] == [
        "JFK/2013-03-31T22Z",
        "EWR/2013-04-01T05Z",
    ]
