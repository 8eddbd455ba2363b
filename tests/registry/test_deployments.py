"""Deployments: each generation follows the last, and of those who race exactly one wins it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Rooms
from registry.conftest import CONTRACT, Register, document
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.registry.deployments import check_plan
from tidegate.store import sha256
from tidegate.types import PlanDraft, VariantPlan, VersionInfo

Spawn = Callable[..., "subprocess.Popen[str]"]


def variant(version: VersionInfo, weight: float = 1.0, *, shadow: bool = False) -> VariantPlan:
    return VariantPlan(version=version.version, digest=version.digest, weight=weight, shadow=shadow)


def draft(*variants: VariantPlan, endpoint: str = "late") -> PlanDraft:
    return PlanDraft(endpoint=endpoint, variants=list(variants), slots=20, stacks=[list(range(20))])


def weights(*values: float) -> PlanDraft:
    digest = sha256(b"")
    return draft(
        *(VariantPlan(version=str(n), digest=digest, weight=value) for n, value in enumerate(values))
    )


@pytest.fixture
def versions(rooms: Rooms, register: Register) -> list[VersionInfo]:
    rooms.registry.endpoints.create("late", "flight-delay", CONTRACT, principal="olga")
    return [register(b"one"), register(b"two")]


def commit(rooms: Rooms, plan: PlanDraft, expected: int, **more: Any) -> None:
    rooms.registry.deployments.commit(
        document(expected + 1), [plan], expected=expected, principal="olga", reason="because", **more
    )


def test_an_empty_home_is_generation_0(rooms: Rooms) -> None:
    assert rooms.registry.deployments.generation() == 0
    assert rooms.registry.deployments.document() is None
    assert rooms.registry.deployments.all() == []


def test_a_deployment_brings_its_plans(rooms: Rooms, versions: list[VersionInfo]) -> None:
    deployments = rooms.registry.deployments
    assert deployments.plan("late") is None
    assert deployments.plan_draft("late") is None
    first, second = draft(variant(versions[0])), draft(variant(versions[0], 0.9), variant(versions[1], 0.1))
    commit(rooms, first, 0)
    rooms.clock.advance(days=1)
    commit(rooms, second, 1)
    assert deployments.generation() == 2
    assert deployments.document() == document(2)
    assert deployments.document(1) == document(1)
    assert [each.digest for each in deployments.all()] == [
        f"sha256:{document(number)['sha256']}" for number in (1, 2)
    ]
    plan = deployments.plan("late")
    assert plan is not None
    assert (plan.generation, plan.variants, plan.reason, plan.created_by) == (
        2,
        second.variants,
        "because",
        "olga",
    )
    assert deployments.plan_draft("late") == second
    assert [each.generation for each in deployments.history("late")] == [1, 2]
    with pytest.raises(NotFoundError, match="no deployment of generation 9"):
        deployments.document(9)


def test_a_plan_holds_until_the_next_one_of_its_endpoint(rooms: Rooms, versions: list[VersionInfo]) -> None:
    deployments = rooms.registry.deployments
    commit(rooms, draft(variant(versions[0])), 0)
    deployments.commit(document(2), [], expected=1, principal="olga")
    commit(rooms, draft(variant(versions[1])), 2)
    held = [deployments.plan("late", generation) for generation in range(5)]
    assert [plan and plan.generation for plan in held] == [None, 1, 1, 3, 3]


def test_who_comes_late_is_told_both_generations_and_changes_nothing(
    rooms: Rooms, versions: list[VersionInfo]
) -> None:
    commit(rooms, draft(variant(versions[0])), 0)
    before = rooms.audit.verify()
    for expected in (0, 2):
        with pytest.raises(ConflictError, match=f"GENERATION_CONFLICT: expected {expected}, actual 1"):
            commit(rooms, draft(variant(versions[1])), expected)
    assert rooms.audit.verify() == before
    assert [each.generation for each in rooms.registry.deployments.history("late")] == [1]


def test_the_document_must_be_what_it_says(rooms: Rooms) -> None:
    deployments = rooms.registry.deployments
    with pytest.raises(InvalidInputError, match="says generation 2; expected 1"):
        deployments.commit(document(2), [], expected=0, principal="olga")
    with pytest.raises(InvalidInputError, match="sha256 is not the one of its content"):
        deployments.commit({**document(1), "format": 2}, [], expected=0, principal="olga")
    with pytest.raises(InvalidInputError, match="says generation None"):
        deployments.commit({}, [], expected=0, principal="olga")


def test_a_plan_names_what_there_is(rooms: Rooms, versions: list[VersionInfo]) -> None:
    with pytest.raises(NotFoundError, match="no endpoint 'early'"):
        commit(rooms, draft(variant(versions[0]), endpoint="early"), 0)
    swapped = versions[0].model_copy(update={"digest": versions[1].digest})
    with pytest.raises(NotFoundError, match="no version 1 of digest"):
        commit(rooms, draft(variant(swapped)), 0)
    assert rooms.registry.deployments.generation() == 0


def test_shadows_ride_along_without_weight(rooms: Rooms, versions: list[VersionInfo]) -> None:
    commit(rooms, draft(variant(versions[0]), variant(versions[1], 0, shadow=True)), 0)
    with pytest.raises(InvalidInputError, match=r"version 2 is a shadow and has weight 0\.5; expected 0"):
        commit(rooms, draft(variant(versions[0], 0.5), variant(versions[1], 0.5, shadow=True)), 1)
    with pytest.raises(InvalidInputError, match="version 1 is named twice"):
        commit(rooms, draft(variant(versions[0], 0.5), variant(versions[0], 0.5)), 1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "sum to 0.0; expected 1"),
        ([0.5, 0.4], "sum to 0.9; expected 1"),
        ([0.5, 0.5 + 2e-9], "sum to 1.000000002"),
        ([1.5, -0.5], "version 1 has weight -0.5; expected 0 to 1"),
        ([float("nan"), 1], "version 0 has weight nan"),
        ([float("inf"), 1], "version 0 has weight inf"),
    ],
)
def test_weights_that_do_not_sum_to_1_are_refused(values: list[float], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        check_plan(weights(*values))


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_weights_that_are_shares_of_a_whole_are_taken(parts: list[int]) -> None:
    check_plan(weights(*(part / sum(parts) for part in parts)))


def test_of_threads_that_race_one_wins_each_generation(rooms: Rooms) -> None:
    barrier = threading.Barrier(8)
    won: list[int] = []
    lost: list[str] = []

    def work() -> None:
        barrier.wait()
        for _ in range(25):
            expected = rooms.registry.deployments.generation()
            try:
                rooms.registry.deployments.commit(
                    document(expected + 1), [], expected=expected, principal="olga"
                )
            except ConflictError as error:
                lost.append(str(error))
            else:
                won.append(expected + 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(1, len(won) + 1))
    assert len(won) + len(lost) == 200
    assert all("GENERATION_CONFLICT" in each for each in lost)
    assert rooms.audit.verify()["entries"] == len(won)


def test_of_processes_that_race_one_wins_each_generation(rooms: Rooms, spawn: Spawn) -> None:
    code = """
import pathlib, sys
from tidegate.errors import ConflictError
from tidegate.lineage import Lineage
from tidegate.registry import Registry
from tidegate.registry.deployments import checksum
from tidegate.store import ArtifactStore, Database

class Unrecorded:
    def append(self, *arguments): ...

root = pathlib.Path(sys.argv[1])
database = Database.open(root / "registry.db")
registry = Registry(database, ArtifactStore(root / "artifacts"), Unrecorded(), Lineage(database))
print("ready", flush=True)
sys.stdin.readline()
won = 0
for _ in range(25):
    expected = registry.deployments.generation()
    document = {"generation": expected + 1, "by": sys.argv[2]}
    document["sha256"] = checksum(document)
    try:
        registry.deployments.commit(document, [], expected=expected, principal=sys.argv[2])
        won += 1
    except ConflictError:
        pass
print(won)
"""
    children = [spawn(code, rooms.root, name) for name in ("a", "b")]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    won = [int(child.stdout.read()) for child in children if child.stdout is not None]
    found = rooms.registry.deployments.all()
    assert [each.generation for each in found] == list(range(1, sum(won) + 1))
    assert [sum(each.created_by == name for each in found) for name in ("a", "b")] == won


def test_a_deployment_does_not_stay_in_the_write_ahead_log(rooms: Rooms, versions: list[VersionInfo]) -> None:
    commit(rooms, draft(variant(versions[0])), 0)
    assert (rooms.root / "registry.db-wal").stat().st_size == 0
