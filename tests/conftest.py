"""Fixtures of all tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.delay import register

import tidegate
from tidegate import Installation
from tidegate.access import Access
from tidegate.audit import Audit
from tidegate.lineage import Lineage
from tidegate.registry import Registry
from tidegate.settings import template
from tidegate.store import ArtifactStore, Database

PAUSE = 0.01


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """``wait_until(condition, deadline=15.0)`` waits for an event of another process or thread."""

    def wait(condition: Callable[[], object], deadline: float = 15.0) -> None:
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"not within {deadline} s"
            time.sleep(PAUSE)

    return wait


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2013, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Rooms:
    """The lower rooms over one folder, without the lock of a home."""

    root: Path
    clock: Clock
    database: Database
    artifacts: ArtifactStore
    audit: Audit
    lineage: Lineage
    registry: Registry
    access: Access


def open_rooms(root: Path, clock: Clock) -> Rooms:
    path = root / "registry.db"
    database = Database.open(path) if path.exists() else Database.create(path)
    artifacts = ArtifactStore(root / "artifacts")
    audit = Audit(database, root / "audit.jsonl", clock)
    lineage = Lineage(database, clock)
    registry = Registry(database, artifacts, audit, lineage, clock)
    return Rooms(
        root, clock, database, artifacts, audit, lineage, registry, Access(database, audit, b"pepper", clock)
    )


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    """A new registry with its audit log, artifacts and access in the test's folder."""
    opened = open_rooms(tmp_path, Clock())
    yield opened
    opened.database.close()


@pytest.fixture
def reopen(rooms: Rooms) -> Iterator[Callable[[], Rooms]]:
    """Opens the registry again, as the next process would."""
    opened: list[Rooms] = []

    def again() -> Rooms:
        opened.append(open_rooms(rooms.root, rooms.clock))
        return opened[-1]

    yield again
    for each in opened:
        each.database.close()


Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """``spawn(code, *arguments)`` runs Python in another process, over pipes, until the test ends."""
    children: list[subprocess.Popen[str]] = []
    package = Path(__file__).resolve().parent.parent / "python"

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(package)},
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return Path(tidegate.init(tmp_path / "home")["home"])


@pytest.fixture
def installation(home: Path) -> Iterator[Installation]:
    with tidegate.open(home) as opened:
        yield opened


@pytest.fixture
def trial(home: Path) -> Path:
    """The home, whose settings let versions serve that passed no gate."""
    (home / "tidegate.toml").write_text(template(trial=True))
    return home


@pytest.fixture
def two_versions(trial: Path, installation: Installation) -> Installation:
    """The model ``delay`` with versions 1 and 2, and the endpoint ``flight`` without traffic, on trial."""
    assert not installation.settings.require_production
    register(installation, "one")
    register(installation, "two")
    installation.create_endpoint("flight", "delay")
    return installation
