"""Retirement and the past over HTTP: the same answers as in Python, each key with its own role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.gateway.callers import BASE, InProcess
from tests.people import ROLES, keys, submit, to_production

from tidegate import Client, Installation
from tidegate.errors import InvalidInputError, NotFoundError, PermissionDeniedError, PreconditionError
from tidegate.gateway import create_app
from tidegate.serving import Announcements
from tidegate.store.canonical import timestamp

As = Callable[[str], Client]


@pytest.fixture
def who(installation: Installation) -> As:
    """A client with somebody's key; version 1 of ``delay`` answers ``flight``, 2 shadows."""
    app = create_app(installation, Announcements(installation.home.deployments))
    given = keys(installation)
    for number, text in (("1", "one"), ("2", "two")):
        submit(installation, text)
        to_production(installation, number)
    installation.create_endpoint("flight", "delay", "1")
    installation.set_traffic("flight", {"1": 1.0}, ["2"], "first")

    def client(name: str) -> Client:
        made = Client(BASE, given[name])
        made._control._http._transport = InProcess(app)
        return made

    return client


def test_the_client_retires_and_looks_back_as_the_installation_does(
    who: As, installation: Installation
) -> None:
    otto, anna = who("otto"), who("anna")
    before = timestamp(installation.clock())
    with pytest.raises(PreconditionError, match=r"answers 100\.00% of the requests of endpoint flight"):
        otto.retire_version("delay", "1")
    made = otto.retire_version("delay", "2", "drained", idempotency_key="k")
    assert otto.retire_version("delay", "2", "drained", idempotency_key="k") == made
    last = installation.version_gates("delay", "2")["history"][-1]
    assert last.pop("holds")
    version = installation.get_version("delay", "2")
    del version["probe"]
    assert made == version | {"left": ["flight"], "promotion": last}
    found = anna.as_of(before, "flight")
    assert found == installation.as_of(before, "flight")
    assert [row["version"] for row in found["endpoints"][0]["plan"]["variants"]] == ["1", "2"]
    (told,) = anna.as_of(timestamp(installation.clock()))["endpoints"]
    assert [row["version"] for row in told["plan"]["variants"]] == ["1"]
    with pytest.raises(InvalidInputError, match="is no time"):
        anna.as_of("soon")
    with pytest.raises(NotFoundError, match="no endpoint 'x'"):
        anna.as_of("2013-03-01", "x")


@pytest.mark.parametrize("name", sorted(ROLES))
def test_each_key_has_its_right_and_no_other(who: As, name: str) -> None:
    somebody = who(name)
    if name == "otto":
        somebody.retire_version("delay", "2")
    else:
        with pytest.raises(PermissionDeniedError, match=f"{name} may not retire_version: it needs operator"):
            somebody.retire_version("delay", "2")
    if name == "carl":
        with pytest.raises(PermissionDeniedError, match="carl may not as_of"):
            somebody.as_of("2013-03-01")
    else:
        somebody.as_of("2013-03-01")
