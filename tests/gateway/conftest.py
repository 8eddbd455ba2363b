"""An application over a home with two versions, and who calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI
from tests.gateway.callers import BASE, Caller, InProcess

from tidegate import Client, Installation
from tidegate.gateway import create_app, log_to_stderr
from tidegate.serving import Announcements


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """The log of a server, so that no failure is painted with its local variables."""
    log_to_stderr()
    yield
    structlog.reset_defaults()


@pytest.fixture
def announcements(two_versions: Installation) -> Announcements:
    return Announcements(two_versions.home.deployments)


@pytest.fixture
def app(two_versions: Installation, announcements: Announcements) -> FastAPI:
    return create_app(two_versions, announcements)


@pytest.fixture
def owner(app: FastAPI, home: Path) -> Caller:
    return Caller(app, (home / "owner.key").read_text().strip())


@pytest.fixture
def node(app: FastAPI, two_versions: Installation) -> Caller:
    return Caller(app, two_versions.home.node_key())


@pytest.fixture
def client(app: FastAPI, home: Path) -> Iterator[Client]:
    with Client(BASE, (home / "owner.key").read_text().strip()) as made:
        made._control._http._transport = InProcess(app)
        yield made
