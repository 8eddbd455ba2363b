"""Steering over HTTP: the same answers as in Python, each key with its own right; and what runs by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from tests.gateway.callers import BASE, InProcess
from tests.people import ROLES, keys
from tests.rollout.worlds import Log

from tidegate import Client, Installation
from tidegate.errors import InvalidInputError, PermissionDeniedError, PreconditionError
from tidegate.gateway import create_app
from tidegate.gateway.control import repeated, steer_mature
from tidegate.serving import Announcements

As = Callable[[str], Client]


@pytest.fixture
def who(two_versions: Installation) -> As:
    """A client with somebody's key; version 1 answers and 2 shadows."""
    app = create_app(two_versions, Announcements(two_versions.home.deployments))
    given = keys(two_versions)
    two_versions.set_traffic("flight", {"1": 1.0}, shadows=["2"])

    def client(name: str) -> Client:
        made = Client(BASE, given[name])
        made._control._http._transport = InProcess(app)
        return made

    return client


def test_the_client_answers_and_raises_as_the_installation_does(who: As, two_versions: Installation) -> None:
    otto, anna = who("otto"), who("anna")
    with pytest.raises(InvalidInputError, match="did you mean 'ladder'"):
        otto.set_policy("flight", {"lader": [1]})
    made = otto.set_policy("flight", {"mode": "auto"}, "go", idempotency_key="k")
    assert otto.set_policy("flight", {"mode": "auto"}, "go", idempotency_key="k") == made
    assert made["created_by"] == "otto"
    assert anna.get_policy("flight") == two_versions.get_policy("flight")
    asked = otto.challenge("flight", "2", "look", idempotency_key="c")
    assert otto.challenge("flight", "2", "look", idempotency_key="c") == asked
    log = Log(two_versions.home.root, np.random.default_rng(1))
    for day in range(3):
        log.day(day, otto.get_traffic("flight"), {"1": lambda p: p, "2": lambda p: p}, rows=20)
    assert otto.steer("flight")["panes"] == 1
    assert otto.steer("flight", until="2013-03-04T00:00:00Z")["panes"] == 1
    assert anna.list_decisions("flight", all_panes=True) == two_versions.list_decisions(
        "flight", all_panes=True
    )
    assert len(anna.list_decisions("flight")) < len(anna.list_decisions("flight", all_panes=True))
    assert anna.why("flight") == two_versions.why("flight")
    otto.set_traffic("flight", {"1": 0.5, "2": 0.5})
    assert otto.undo_traffic("flight", "no")["variants"] == two_versions.get_traffic("flight")["variants"]
    with pytest.raises(PreconditionError, match="no earlier plan"):
        otto.undo_traffic("flight")


@pytest.mark.parametrize("name", sorted(ROLES))
def test_operators_steer_and_others_read(who: As, name: str) -> None:
    somebody = who(name)
    who("otto").set_policy("flight", {"mode": "advise"})
    writes = (
        lambda: somebody.set_policy("flight", {"mode": "auto"}),
        lambda: somebody.challenge("flight", "2"),
        lambda: somebody.steer("flight"),
    )
    reads = (
        lambda: somebody.get_policy("flight"),
        lambda: somebody.list_decisions("flight"),
        lambda: somebody.why("flight"),
    )
    for calls, able in ((writes, name == "otto"), (reads, name != "carl")):
        for call in calls:
            if able:
                call()
            else:
                with pytest.raises(PermissionDeniedError, match=f"{name} may not"):
                    call()


def test_a_server_steers_by_itself(two_versions: Installation) -> None:
    two_versions.set_traffic("flight", {"1": 1.0})
    two_versions.set_policy("flight", {"mode": "auto"})
    log = Log(two_versions.home.root, np.random.default_rng(1))
    for day in range(4):
        log.day(day, two_versions.get_traffic("flight"), {"1": lambda p: p}, rows=20)
    steer_mature(two_versions)
    assert [each["rule"] for each in two_versions.list_decisions("flight", all_panes=True)] == [
        "policy",
        "hold",
        "hold",
    ]


def test_what_fails_in_the_background_runs_again() -> None:
    runs = []
    again = threading.Event()

    def run() -> None:
        runs.append(1)
        if len(runs) == 3:
            again.set()
        raise RuntimeError("anything")

    with repeated("test", 0.001, run):
        assert again.wait(30)
    count = len(runs)
    assert count >= 3
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_with_0_seconds_it_steers_only_when_asked() -> None:
    def run() -> None:
        raise AssertionError("nobody asked")

    with repeated("test", 0, run):
        assert "test" not in {thread.name for thread in threading.enumerate()}
