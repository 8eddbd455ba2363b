"""Migrations: whole or not at all, after a copy, forward only."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database as Tables
from sqlite_utils.migrations import Migrations

from tidegate.errors import InternalError, RegistryError
from tidegate.store import Database
from tidegate.store.migrations import m001_registry, m002_stages, m003_life, m004_quarantines, m005_log


def later(*, broken: bool = False) -> Migrations:
    """The schema of a later release, with one more step."""
    migrations = Migrations("tidegate")
    migrations()(m001_registry)
    migrations()(m002_stages)
    migrations()(m003_life)
    migrations()(m004_quarantines)
    migrations()(m005_log)

    @migrations()
    def m006_notes(tables: Tables) -> None:
        tables.execute("CREATE TABLE notes (text TEXT NOT NULL) STRICT")
        tables.execute("UPDATE models SET description = 'moved'")
        if broken:
            tables.execute("INSERT INTO nowhere VALUES (1)")
        tables.execute("PRAGMA user_version = 6")

    return migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    database = Database.create(tmp_path / "registry.db")
    with database.transaction() as transaction:
        transaction.insert("models", {"name": "m", "description": "old", "created_at": "", "created_by": ""})
    database.close()
    return database.path


def described(path: Path) -> tuple[int, str, int]:
    """Schema, the model's description, and how many migrations are recorded."""
    connection = sqlite3.connect(path)
    try:
        return (
            connection.execute("PRAGMA user_version").fetchone()[0],
            connection.execute("SELECT description FROM models").fetchone()[0],
            connection.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0],
        )
    finally:
        connection.close()


def test_a_new_step_is_applied_after_a_copy_was_made(path: Path) -> None:
    Database.open(path, later()).close()
    assert described(path) == (6, "moved", 6)
    assert described(path.with_name("registry.schema-5.db")) == (5, "old", 5)


def test_a_step_that_fails_changes_nothing_and_can_be_taken_again(path: Path) -> None:
    with pytest.raises(InternalError, match="SQLITE_ERROR"):
        Database.open(path, later(broken=True))
    assert described(path) == (5, "old", 5)
    Database.open(path, later()).close()
    assert described(path) == (6, "moved", 6)


def test_a_copy_that_a_crash_left_half_made_is_made_again(path: Path) -> None:
    path.with_name("registry.schema-5.tmp").write_bytes(b"half")
    Database.open(path, later()).close()
    assert described(path.with_name("registry.schema-5.db")) == (5, "old", 5)
    assert not path.with_name("registry.schema-5.tmp").exists()


def test_what_is_up_to_date_is_not_copied(path: Path) -> None:
    Database.open(path).close()
    assert [file.name for file in path.parent.iterdir()] == ["registry.db"]


def test_a_newer_registry_is_left_untouched(path: Path) -> None:
    Database.open(path, later()).close()
    before = path.read_bytes()
    with pytest.raises(RegistryError, match=r"FORMAT_TOO_NEW.*schema 6, this program knows schemas up to 5"):
        Database.open(path)
    assert path.read_bytes() == before
