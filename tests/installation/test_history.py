"""What served at a moment: the plan of then, with each version as it stood then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.people import keys, submit, to_production

import tidegate
from conftest import Clock
from tidegate import Installation
from tidegate.errors import InvalidInputError, NotFoundError, PreconditionError
from tidegate.installation.history import parse_moment
from tidegate.store import digest_of

RECIPE = {"estimator": "forest", "seed": 7}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(home: Path, clock: Clock) -> Iterator[Installation]:
    """March 2nd: 1 answers. 3rd: 2 shadows. 4th: 2 answers alone. 5th: 1 is archived."""
    with tidegate.open(home, clock=clock) as opened:
        keys(opened)
        submit(opened, recipe=RECIPE)
        opened.create_endpoint("flight", "delay", "1")
        clock.advance(hours=1)
        to_production(opened, "1")
        clock.advance(hours=23)
        opened.set_traffic("flight", {"1": 1.0}, reason="first", principal="otto")
        clock.advance(days=1)
        submit(opened, "two")
        to_production(opened, "2", stop_at="uat")
        opened.set_traffic("flight", {"1": 1.0}, ["2"], reason="a look at 2", principal="otto")
        clock.advance(hours=12)
        opened.approve_version("delay", "2", "production", principal="vera")
        opened.promote_version("delay", "2", "production", principal="otto")
        clock.advance(hours=12)
        opened.set_traffic("flight", {"2": 1.0}, reason="better", principal="otto")
        clock.advance(days=1)
        opened.retire_version("delay", "1", "drained", principal="otto")
        clock.advance(hours=1)
        yield opened


def served(house: Installation, moment: str) -> list[tuple[Any, ...]]:
    (told,) = house.as_of(moment)["endpoints"]
    return [
        (row["version"], row["weight"], row["shadow"], row["stage"], row["approvers"])
        for row in told["plan"]["variants"]
    ]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2013-03-02", [("1", 1.0, False, "production", ["vera"])]),
        ("2013-03-02T23:59:59.999999Z", [("1", 1.0, False, "production", ["vera"])]),
        (
            "2013-03-03T00:00:00Z",
            [("1", 1.0, False, "production", ["vera"]), ("2", 0.0, True, "uat", [])],
        ),
        (
            "2013-03-03T13:00:00+01:00",
            [("1", 1.0, False, "production", ["vera"]), ("2", 0.0, True, "production", ["vera"])],
        ),
        ("2013-03-05T01:00:00Z", [("2", 1.0, False, "production", ["vera"])]),
    ],
)
def test_each_moment_has_its_plan_and_stages(
    house: Installation, moment: str, expected: list[tuple[Any, ...]]
) -> None:
    assert served(house, moment) == expected


def test_a_version_comes_with_what_let_it_there(house: Installation) -> None:
    found = house.as_of("2013-03-02T12:00:00Z", "flight", principal="anna")
    assert (found["moment"], found["generation"], found["says"]) == ("2013-03-02T12:00:00.000000Z", 1, None)
    plan = found["endpoints"][0]["plan"]
    assert (plan["generation"], plan["reason"], plan["created_by"]) == (1, "first", "otto")
    (row,) = plan["variants"]
    assert (row["since"], row["by"], row["reason"]) == ("2013-03-01T01:00:00.000000Z", "otto", "approved")
    assert [(gate["gate"], gate["passed"]) for gate in row["gates"]] == [
        ("conversion", True),
        ("auc >= 0.6", True),
        ("approval", True),
    ]
    assert (row["recipe"], row["datasets"], row["created_by"]) == (digest_of(RECIPE), [], "ada")
    assert house.graph.version_at(row["digest"], "2013-03-01T00:30:00.000000Z")["stage"] == "development"
    with pytest.raises(NotFoundError, match="there was no version"):
        house.graph.version_at(row["digest"], "2013-02-28T00:00:00.000000Z")


def test_before_the_first_plan_it_says_so(house: Installation) -> None:
    found = house.as_of("2013-03-01T12:00:00Z")
    assert found["says"] == (
        "nothing served at 2013-03-01T12:00:00.000000Z: the first deployment was made at "
        "2013-03-02T00:00:00.000000Z"
    )
    assert found["endpoints"] == [
        {
            "endpoint": "flight",
            "model": "delay",
            "says": "endpoint flight had no traffic plan at 2013-03-01T12:00:00.000000Z",
            "plan": None,
        }
    ]
    (told,) = house.as_of("1999-12-31")["endpoints"]
    assert told["says"].endswith("it was made at 2013-03-01T00:00:00.000000Z")


def test_an_empty_home_never_served(installation: Installation) -> None:
    found = installation.as_of("2013-03-01")
    assert (found["says"], found["endpoints"]) == (
        "nothing served at 2013-03-01T00:00:00.000000Z: nothing ever has",
        [],
    )


def test_a_first_plan_that_was_taken_back_served_nothing(
    house: Installation, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        def publish(self, deployment: dict[str, Any]) -> None:
            if len(deployment["endpoints"]) > 1:
                raise PreconditionError("the graph does not load")

    house.create_endpoint("night", "delay", "2")
    monkeypatch.setattr(type(house), "publisher", property(lambda _: Refusing()))
    with pytest.raises(PreconditionError):
        house.set_traffic("night", {"2": 1.0})
    clock.advance(seconds=1)
    flight, night = house.as_of("2013-03-05T01:00:01Z")["endpoints"]
    assert (flight["plan"]["generation"], night["plan"]) == (3, None)


@pytest.mark.parametrize(
    "text", ["yesterday", "", "2013-03-01T12:00:00", "2013-13-01", "20130301", "2013-03-01T25:00:00Z", "2013"]
)
def test_what_is_no_time_is_named(house: Installation, text: str) -> None:
    with pytest.raises(InvalidInputError, match="is no time; expected RFC 3339"):
        house.as_of(text)


def test_times_are_read_as_they_are_meant() -> None:
    noon = datetime(2013, 3, 1, 12, tzinfo=UTC)
    for text in ("2013-03-01T12:00:00Z", "2013-03-01t12:00:00z", "2013-03-01 13:00:00.000+01:00"):
        assert parse_moment(text) == noon
    assert parse_moment("2013-03-01") == datetime(2013, 3, 1, tzinfo=UTC)
    with pytest.raises(InvalidInputError):
        parse_moment("0001-01-01T00:00:00+23:00")


def test_what_has_not_come_is_refused_and_what_there_is_not_is_named(house: Installation) -> None:
    with pytest.raises(InvalidInputError, match=r"2014-01-01T00:00:00\.000000Z has not come yet; it is 2013"):
        house.as_of("2014-01-01")
    with pytest.raises(NotFoundError, match="no endpoint 'x'; there are: flight"):
        house.as_of("2013-03-02", "x")
