"""Blind sets in the registry: sets never change, a budget holds, the first word on a version stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conftest import Rooms
from registry.conftest import Register
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError
from tidegate.types import BlindResult, BlindSet

FIGURES = {"rows": 400, "auc": 0.701}
HELD = {"seccomp": True}


def add(rooms: Rooms, name: str = "may", budget: int = 2, **changes: Any) -> dict[str, Any]:
    facts = {"model": "flight-delay", "artifact": rooms.artifacts.put(name.encode()), "principal": "vera"}
    made: BlindSet = rooms.registry.blind.add(name, budget=budget, **(facts | changes))
    return made.to_json()


def keep(rooms: Rooms, digest: str, name: str = "may", **figures: float) -> BlindResult:
    kept: BlindResult = rooms.registry.blind.keep(name, digest, FIGURES | figures, HELD, principal="vera")
    return kept


def test_a_set_never_changes(rooms: Rooms, register: Register) -> None:
    first = add(rooms)
    rooms.clock.advance(days=1)
    assert add(rooms) == first
    for changes in ({"budget": 3}, {"artifact": rooms.artifacts.put(b"other")}):
        with pytest.raises(ConflictError, match="the blind set may exists already and never changes"):
            add(rooms, **changes)
    for changes, error, said in (
        ({"model": "nope"}, NotFoundError, "no model 'nope'"),
        ({"budget": 0}, InvalidInputError, "at least 1 version; it is 0"),
        ({"name": "../may"}, InvalidInputError, "not a name for a blind set"),
    ):
        with pytest.raises(error, match=said):
            add(rooms, **changes)
    assert [each.to_json() for each in rooms.registry.blind.all()] == [first]
    assert rooms.registry.blind.holds(first["artifact"])
    assert not rooms.registry.blind.holds(rooms.artifacts.put(b"other"))
    with pytest.raises(NotFoundError, match="no blind set 'june'; tidegate blind list"):
        rooms.registry.blind.get("june")


def test_the_first_word_on_a_version_stays_and_is_told(rooms: Rooms, register: Register) -> None:
    add(rooms)
    version = register()
    first = keep(rooms, version.digest)
    assert keep(rooms, version.digest, auc=0.9) == first
    assert rooms.registry.blind.result("may", version.digest) == first
    assert (first.figures, first.confinement, first.created_by) == (FIGURES, HELD, "vera")
    edges = rooms.lineage.sources(f"version:{version.digest}")
    (judged,) = [edge for edge in edges if edge.relation == "judged_by"]
    assert (judged.object, judged.detail) == ("blind:may", {"result": first.id})
    told = [entry for entry in rooms.audit.entries() if entry["action"] == "judge_blind"]
    assert [entry["detail"] for entry in told] == [
        {"blind_set": "may", "figures": FIGURES, "result": first.id}
    ]
    assert rooms.audit.verify()["ok"]


def test_a_budget_is_of_versions_and_says_when_it_was_used_up(rooms: Rooms, register: Register) -> None:
    add(rooms)
    versions = [register(text) for text in (b"1", b"2", b"3")]
    for version in versions[:2]:
        rooms.registry.blind.require_left("may")
        keep(rooms, version.digest)
        keep(rooms, version.digest)
        rooms.clock.advance(hours=1)
    with pytest.raises(PreconditionError) as refused:
        keep(rooms, versions[2].digest)
    assert str(refused.value) == (
        "the blind set may is used up: it has judged 2 versions, its budget, the last at "
        "2013-03-01T01:00:00.000000Z; seal fresh rows and add them under another name: "
        "tidegate blind add NAME flight-delay FILE.age"
    )
    with pytest.raises(PreconditionError):
        rooms.registry.blind.require_left("may")
    assert len(rooms.registry.blind.results("may")) == 2
    add(rooms, "june")
    keep(rooms, versions[2].digest, "june")


def test_what_there_was_at_a_moment(rooms: Rooms, register: Register) -> None:
    version = register()
    add(rooms)
    rooms.clock.advance(hours=1)
    result = keep(rooms, version.digest)
    moment = rooms.clock()
    rooms.clock.advance(hours=1)
    add(rooms, "june")
    rooms.registry.models.create("other", principal="ada")
    add(rooms, "elsewhere", model="other")
    of_version = rooms.registry.blind.of_version

    def names(found: Any) -> list[tuple[str, int | None]]:
        return [(each.name, None if said is None else said.id) for each, said in found]

    assert names(of_version("flight-delay", version.digest)) == [("may", result.id), ("june", None)]
    assert names(of_version("flight-delay", version.digest, moment)) == [("may", result.id)]
    early = moment - timedelta(minutes=30)
    assert names(of_version("flight-delay", version.digest, early)) == [("may", None)]
    assert names(of_version("flight-delay", version.digest, early - timedelta(hours=1))) == []
