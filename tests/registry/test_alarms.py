"""Alarms on record: once each, whatever is found again, with audit and lineage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.registry.conftest import CONTRACT

from conftest import Rooms
from tidegate.errors import NotFoundError
from tidegate.types import VersionInfo

START = datetime(2013, 3, 1, tzinfo=UTC)
Register = Callable[..., VersionInfo]
Found = Callable[..., dict[str, Any]]


@pytest.fixture
def found(rooms: Rooms, register: Register) -> Found:
    """An incident of the version 1 on the endpoint ``flight``; hours are of event time."""
    digest = register().digest
    rooms.registry.endpoints.create("flight", "flight-delay", CONTRACT, principal="otto")

    def make(alarmed: float, ended: float | None = None, **changes: Any) -> dict[str, Any]:
        at = [
            None if hour is None else (START + timedelta(hours=hour)).isoformat() for hour in (alarmed, ended)
        ]
        return {
            "variant": digest,
            "version": "1",
            "shadow": False,
            "role": "input",
            "feature": "distance",
            "stream": "values",
            "began": START.isoformat(),
            "alarmed_at": at[0],
            "ended_at": at[1],
            "evidence": "ALARM",
            "magnitude": "moderate",
            **changes,
        }

    return make


def record(rooms: Rooms, *incidents: dict[str, Any]) -> tuple[list[int], list[int]]:
    return rooms.registry.alarms.record("flight", incidents, principal="otto")


def test_an_incident_is_kept_once(rooms: Rooms, found: Found) -> None:
    first, second = found(5), found(7, feature="carrier")
    assert record(rooms, second, first) == ([1, 2], [])
    entries = rooms.audit.verify()["entries"]
    assert record(rooms, first, second) == ([], [])
    assert rooms.audit.verify()["entries"] == entries
    one, two = rooms.registry.alarms.all("flight")
    assert (one.id, one.feature, one.endpoint, one.created_by) == (1, "distance", "flight", "otto")
    assert (one.began, one.alarmed_at, one.ended_at) == (START, START + timedelta(hours=5), None)
    assert (two.feature, two.shadow) == ("carrier", False)
    assert one.verdict["magnitude"] == "moderate"
    assert rooms.registry.alarms.get(2) == two
    [edge] = rooms.lineage.sources("alarm:1")
    assert (edge.relation, edge.object) == ("of", f"version:{one.variant}")


def test_an_end_is_kept_once_and_a_new_alarm_is_another(rooms: Rooms, found: Found) -> None:
    assert record(rooms, found(5)) == ([1], [])
    assert record(rooms, found(5, 9)) == ([], [1])
    assert record(rooms, found(5, 9)) == ([], [])
    assert record(rooms, found(5, 9), found(12)) == ([2], [])
    both = rooms.registry.alarms.all("flight")
    assert [alarm.ended_at for alarm in both] == [START + timedelta(hours=9), None]
    assert rooms.registry.alarms.all("flight", open_only=True) == both[1:]


def test_panes_that_came_late_move_an_incident_and_make_none(rooms: Rooms, found: Found) -> None:
    record(rooms, found(5, 9))
    assert record(rooms, found(4, 8)) == ([], [1])
    assert record(rooms, found(4)) == ([], [])
    [alarm] = rooms.registry.alarms.all("flight")
    assert (alarm.alarmed_at, alarm.ended_at) == (START + timedelta(hours=5), None)
    assert record(rooms, found(1, 3), found(4)) == ([2], [])


@pytest.mark.parametrize(
    "other",
    [{"shadow": True}, {"role": "score"}, {"feature": "carrier"}, {"stream": "missing"}],
    ids=lambda other: next(iter(other)),
)
def test_another_stream_is_another_alarm(rooms: Rooms, found: Found, other: dict[str, Any]) -> None:
    assert record(rooms, found(5), found(5, **other)) == ([1, 2], [])
    assert record(rooms, found(5), found(5, **other)) == ([], [])


def test_all_or_nothing(rooms: Rooms, found: Found) -> None:
    with pytest.raises(KeyError):
        record(rooms, found(5), {key: value for key, value in found(6).items() if key != "began"})
    assert rooms.registry.alarms.all("flight") == []
    assert rooms.audit.verify()["ok"]


def test_what_is_not_there_is_named(rooms: Rooms, found: Found) -> None:
    with pytest.raises(NotFoundError, match="no endpoint 'x'"):
        rooms.registry.alarms.record("x", [found(1)], principal="otto")
    with pytest.raises(NotFoundError, match="no alarm 7; see them with: tidegate alarm list"):
        rooms.registry.alarms.get(7)
