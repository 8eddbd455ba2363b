"""Stages over HTTP: the same verbs and answers as in Python, each key with its own role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.gateway.callers import BASE, InProcess
from tests.people import ROLES, keys, submit

from tidegate import Client, Installation
from tidegate.errors import InvalidInputError, PermissionDeniedError, PreconditionError
from tidegate.gateway import create_app
from tidegate.serving import Announcements

As = Callable[[str], Client]


@pytest.fixture
def who(installation: Installation) -> As:
    """A client with somebody's key."""
    app = create_app(installation, Announcements(installation.home.deployments))
    given = keys(installation)
    submit(installation)

    def client(name: str) -> Client:
        made = Client(BASE, given[name])
        made._control._http._transport = InProcess(app)
        return made

    return client


def test_the_client_answers_and_raises_as_the_installation_does(who: As, installation: Installation) -> None:
    vera, otto, anna = who("vera"), who("otto"), who("anna")
    assert anna.version_gates("delay", "1") == installation.version_gates("delay", "1")
    given = vera.approve_version("delay", "1", "production", "looked at it")
    assert given == installation.approve_version("delay", "1", "production", principal="vera")
    with pytest.raises(PreconditionError, match="first: tidegate version promote delay 1 uat"):
        otto.promote_version("delay", "1", "production")
    made = otto.promote_version("delay", "1", "uat", "ready", idempotency_key="k")
    assert otto.promote_version("delay", "1", "uat", "ready", idempotency_key="k") == made
    assert otto.promote_version("delay", "1", "production")["stage"] == "production"
    assert otto.version_gates("delay", "1", "uat") == installation.version_gates("delay", "1", "uat")
    with pytest.raises(InvalidInputError, match="no stage 'prod'"):
        otto.promote_version("delay", "1", "prod")


@pytest.mark.parametrize("name", sorted(ROLES))
def test_each_key_has_its_right_and_no_other(who: As, name: str) -> None:
    somebody = who(name)
    calls = {
        "vera": lambda: somebody.approve_version("delay", "1", "production"),
        "otto": lambda: somebody.promote_version("delay", "1", "uat"),
    }
    for able, call in calls.items():
        if able == name:
            call()
        else:
            with pytest.raises(PermissionDeniedError, match=f"{name} may not"):
                call()
    if name == "carl":
        with pytest.raises(PermissionDeniedError, match="carl may not version_gates"):
            somebody.version_gates("delay", "1")
    else:
        somebody.version_gates("delay", "1")
