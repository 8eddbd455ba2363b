"""Policies and decisions are kept in order, with an audit entry and an edge to what they made."""

from __future__ import annotations

import pytest

from conftest import Rooms
from tidegate.registry.deployments import checksum
from tidegate.types import Contract

DAYS = [f"2013-03-0{day}T00:00:00.000000Z" for day in range(1, 6)]


@pytest.fixture
def endpoint(rooms: Rooms) -> str:
    rooms.registry.models.create("delay", principal="ada")
    contract = Contract(inputs=[], outputs=[])
    return rooms.registry.endpoints.create("flight", "delay", contract, principal="otto").id


def deploy(rooms: Rooms, generation: int) -> None:
    document = {"format": 1, "generation": generation, "endpoints": []}
    rooms.registry.deployments.commit(
        document | {"sha256": checksum(document)}, [], expected=generation - 1, principal="control"
    )


def decide(rooms: Rooms, endpoint: str, day: int, rule: str = "hold", generation: int | None = None) -> int:
    made = rooms.registry.decisions.add(
        endpoint,
        at=DAYS[day],
        rule=rule,
        action="hold" if rule == "hold" else rule,
        says=f"day {day}",
        body={"state": {"x": 0.1}},
        principal="control",
        generation=generation,
        causes=("retraining:4",) if generation else (),
    )
    return made.id


def test_the_newest_policy_holds(rooms: Rooms, endpoint: str) -> None:
    assert rooms.registry.policies.newest(endpoint) is None
    first = rooms.registry.policies.set(endpoint, {"mode": "off"}, principal="otto")
    second = rooms.registry.policies.set(
        endpoint, {"mode": "auto", "eps": 0.01}, principal="otto", reason="go"
    )
    assert rooms.registry.policies.newest(endpoint) == second
    assert rooms.registry.policies.all(endpoint) == [first, second]
    assert (second.id, second.body, second.reason) == (2, {"mode": "auto", "eps": 0.01}, "go")
    assert rooms.registry.policies.newest("ep_other") is None


def test_decisions_by_time_and_by_what_they_did(rooms: Rooms, endpoint: str) -> None:
    deploy(rooms, 1)
    ids = [
        decide(rooms, endpoint, 0),
        decide(rooms, endpoint, 1, "step_up", 1),
        decide(rooms, endpoint, 2),
        decide(rooms, endpoint, 3, "floor_break"),
    ]
    decisions = rooms.registry.decisions
    assert [each.id for each in decisions.all(endpoint)] == ids
    assert [each.id for each in decisions.all(endpoint, DAYS[2])] == ids[2:]
    assert [each.rule for each in decisions.all(endpoint, holds=False)] == ["step_up", "floor_break"]
    for at, newest, mover in ((None, 3, 1), (DAYS[2], 2, 1), (DAYS[0], 0, None)):
        found, made = decisions.newest(endpoint, at), decisions.mover(endpoint, at)
        assert found is not None
        assert found.id == ids[newest]
        assert (made and made.id) == (None if mover is None else ids[mover])
    assert decisions.made(endpoint) == {1: "step_up"}
    assert decisions.all("ep_other") == []


def test_a_decision_leaves_edges_and_an_audit_entry(rooms: Rooms, endpoint: str) -> None:
    deploy(rooms, 1)
    made = decide(rooms, endpoint, 1, "step_up", 1)
    edges = {(e.subject, e.relation, e.object) for e in rooms.lineage.sources(f"decision:{made}")}
    assert edges == {(f"decision:{made}", "because_of", "retraining:4")}
    assert [e.subject for e in rooms.lineage.dependents(f"decision:{made}")] == ["deployment:1"]
    assert rooms.audit.verify()["ok"]
    assert '"decision":' in rooms.root.joinpath("audit.jsonl").read_text().splitlines()[-1]


def test_what_is_no_number_is_not_kept(rooms: Rooms, endpoint: str) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        rooms.registry.decisions.add(
            endpoint,
            at=DAYS[0],
            rule="hold",
            action="hold",
            says="",
            body={"x": float("nan")},
            principal="control",
        )
    assert rooms.registry.decisions.all(endpoint) == []
