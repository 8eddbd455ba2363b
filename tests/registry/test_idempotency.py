"""Idempotency keys: asked again, answered again; done once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from conftest import Rooms
from tidegate.errors import ConflictError, InvalidInputError


def create(rooms: Rooms, name: str, key: str | None, principal: str = "ada") -> Any:
    return rooms.registry.idempotency.once(
        principal,
        key,
        "create_model",
        {"name": name},
        lambda: rooms.registry.models.create(name, principal=principal).to_json(),
    )


def test_the_same_request_gets_the_same_answer_and_is_done_once(rooms: Rooms) -> None:
    first = create(rooms, "m", "key")
    rooms.clock.advance(hours=1)
    assert create(rooms, "m", "key") == first
    assert len(rooms.registry.models.all()) == 1
    assert rooms.audit.verify()["entries"] == 1


def test_another_request_under_the_key_is_refused(rooms: Rooms) -> None:
    create(rooms, "m", "key")
    with pytest.raises(ConflictError, match="the idempotency key 'key' was used for another request"):
        create(rooms, "n", "key")
    with pytest.raises(ConflictError, match="another request"):
        rooms.registry.idempotency.replay("ada", "key", "delete_model", {"name": "m"})


def test_keys_belong_to_principals(rooms: Rooms) -> None:
    create(rooms, "m", "key")
    create(rooms, "n", "key", principal="bob")
    assert len(rooms.registry.models.all()) == 2


def test_without_a_key_a_request_is_done_each_time(rooms: Rooms) -> None:
    create(rooms, "m", None)
    with pytest.raises(ConflictError, match="exists already"):
        create(rooms, "m", None)


def test_what_fails_is_not_remembered(rooms: Rooms) -> None:
    with pytest.raises(InvalidInputError):
        create(rooms, "no name", "key")
    create(rooms, "name", "key")


def test_an_answer_can_be_asked_for_again_for_a_day(rooms: Rooms) -> None:
    create(rooms, "m", "key")
    rooms.clock.advance(hours=24)
    assert rooms.registry.idempotency.replay("ada", "key", "create_model", {"name": "m"}) is None
    create(rooms, "n", "other")
    assert rooms.database.query("SELECT key FROM idempotency") == [{"key": "other"}]


def test_an_empty_answer_is_an_answer(rooms: Rooms) -> None:
    calls: list[None] = []

    def run() -> None:
        calls.append(None)

    for _ in range(2):
        assert rooms.registry.idempotency.once("ada", "key", "verb", {}, run) is None
    assert len(calls) == 1


def test_long_work_is_remembered_by_who_finished_first(rooms: Rooms) -> None:
    idempotency = rooms.registry.idempotency
    assert idempotency.replay("ada", "key", "train", {}) is None
    idempotency.remember("ada", "key", "train", {}, {"version": "1"})
    assert idempotency.replay("ada", "key", "train", {}) == {"response": {"version": "1"}}
    with pytest.raises(ConflictError, match="at the same time"):
        idempotency.remember("ada", "key", "train", {}, {"version": "2"})


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_has_a_length(rooms: Rooms, key: str) -> None:
    with pytest.raises(InvalidInputError, match="1 to 200 characters"):
        create(rooms, "m", key)


def test_threads_with_one_key_do_it_once_and_all_are_answered(rooms: Rooms) -> None:
    barrier = threading.Barrier(8)
    answers: list[Any] = []

    def work() -> None:
        barrier.wait()
        answers.append(create(rooms, "m", "key"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert rooms.audit.verify()["entries"] == 1
