"""Versions: immutable, numbered, and bound by the digest of everything that makes them."""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import Any

import pytest

from conftest import Rooms
from registry.conftest import CONTRACT, SIGNATURE, Register
from tidegate.errors import (
    ArtifactCorruptError,
    ConflictError,
    InternalError,
    InvalidInputError,
    NotFoundError,
)
from tidegate.store import sha256
from tidegate.store.canonical import canonical


def test_the_digest_is_the_sha256_of_the_canonical_manifest(
    rooms: Rooms, dataset: str, register: Register
) -> None:
    version = register()
    assert version.digest == sha256(canonical(version.manifest))
    assert rooms.artifacts.get(version.digest) == canonical(version.manifest)
    assert version.manifest == {
        "format": 1,
        "model": "flight-delay",
        "onnx": sha256(b"onnx"),
        "signature": SIGNATURE.to_json(),
        "contract": CONTRACT.to_json(),
        "profile": sha256(b"profile"),
        "dataset": dataset,
        "recipe": {"estimator": "forest", "seed": 7},
        "code": {"tidegate": "0.1.0"},
        "metrics": {"auc": 0.71},
        "conversion": {"rows": 1000, "largest_difference": 1e-7},
        "parent": None,
    }
    assert (version.version, version.stage, version.created_by) == ("1", "development", "ada")
    rooms.registry.versions.verify(version.digest)


@pytest.mark.parametrize(
    "change",
    [
        {"onnx": b"other"},
        {"profile": None},
        {"dataset": None},
        {"recipe": {"estimator": "forest", "seed": 8}},
        {"code": {"tidegate": "0.1.1"}},
        {"metrics": {"auc": 0.7100000000000001}},
        {"conversion": {}},
        {"parent": "1"},
        {"contract": CONTRACT.model_copy(update={"threshold": 0.4})},
    ],
)
def test_every_part_is_bound_by_the_digest(register: Register, change: dict[str, Any]) -> None:
    first = register()
    second = register(**change)
    assert second.version == "2"
    assert second.digest != first.digest


def test_a_description_is_not_part_of_what_is_bound(register: Register) -> None:
    register(description="first try")
    with pytest.raises(ConflictError):
        register(description="second try")


def test_the_same_again_names_the_version_that_it_is(rooms: Rooms, register: Register) -> None:
    version = register()
    register(b"other")
    with pytest.raises(
        ConflictError, match=f"this is version 1 of model flight-delay already .{version.digest}"
    ):
        register()
    rooms.registry.models.create("other", principal="ada")
    assert register(model="other").version == "1"


def test_numbers_count_per_model(rooms: Rooms, register: Register) -> None:
    made = [register(f"onnx {number}".encode()) for number in range(3)]
    versions = rooms.registry.versions
    assert versions.all("flight-delay") == made
    assert versions.get("flight-delay") == made[2]
    assert versions.get("flight-delay", "2") == versions.get("flight-delay", 2) == made[1]
    assert versions.by_digest(made[0].digest) == made[0]


@pytest.mark.parametrize("number", ["0", "4", "-1", "1.0", "01", "one", "", " 1"])
def test_a_number_that_is_none_is_answered_with_those_that_are(
    rooms: Rooms, register: Register, number: str
) -> None:
    with pytest.raises(NotFoundError, match="model 'flight-delay' has no version; it has none yet"):
        rooms.registry.versions.get("flight-delay")
    register()
    with pytest.raises(NotFoundError, match="it has 1 to 1"):
        rooms.registry.versions.get("flight-delay", number)


def test_what_a_version_is_made_of_must_be_there(rooms: Rooms, register: Register) -> None:
    missing = sha256(b"missing")
    with pytest.raises(NotFoundError, match=f"no artifact {missing}"):
        register(profile=missing)
    with pytest.raises(NotFoundError, match=f"no dataset {missing}; register it first"):
        register(dataset=missing)
    with pytest.raises(NotFoundError, match="no model 'other'"):
        register(model="other")
    with pytest.raises(NotFoundError, match="no version 7"):
        register(parent="7")
    with pytest.raises(NotFoundError, match=f"no version {missing}"):
        register(parent=missing)
    with pytest.raises(InvalidInputError, match="not a version: 'seven'"):
        register(parent="seven")
    with pytest.raises(InvalidInputError, match="canonical"):
        register(metrics={"auc": float("nan")})
    with pytest.raises(NotFoundError, match="no model 'other'"):
        rooms.registry.versions.all("other")
    assert rooms.registry.versions.all("flight-delay") == []


def test_numbers_that_are_great_survive_the_way_through_the_registry(
    rooms: Rooms, register: Register
) -> None:
    version = register(metrics={"loss": 1e300, "rows": 2.0**53})
    assert rooms.registry.versions.get("flight-delay").manifest["metrics"] == {"loss": 1e300, "rows": 2.0**53}
    rooms.registry.versions.verify(version.digest)


def test_a_changed_part_is_found(rooms: Rooms, register: Register) -> None:
    version = register()
    path = rooms.artifacts.path(sha256(b"onnx"))
    path.chmod(0o600)
    path.write_bytes(b"evil")
    with pytest.raises(ArtifactCorruptError):
        rooms.registry.versions.verify(version.digest)


def test_a_changed_manifest_is_found(rooms: Rooms, register: Register) -> None:
    version = register()
    forged = json.dumps({**version.manifest, "metrics": {"auc": 0.99}})
    other = sqlite3.connect(rooms.database.path)
    other.execute("UPDATE versions SET manifest = ?", [forged])
    other.commit()
    other.close()
    with pytest.raises(InternalError, match="the manifest of version 1 of flight-delay was changed"):
        rooms.registry.versions.verify(version.digest)


def test_threads_get_numbers_without_a_gap_and_one_of_the_same_wins(rooms: Rooms, register: Register) -> None:
    barrier = threading.Barrier(6)
    refused: list[str] = []

    def work(who: int) -> None:
        barrier.wait()
        for number in range(5):
            register(f"{who}-{number}".encode())
            try:
                register(f"shared-{number}".encode())
            except ConflictError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work, args=[who]) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [int(version.version) for version in rooms.registry.versions.all("flight-delay")]
    assert numbers == list(range(1, 36))
    assert len(refused) == 25
    assert rooms.audit.verify()["ok"]
