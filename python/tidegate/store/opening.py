"""Whether a registry can be opened, and the copy and the steps that bring an older one up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlite_utils import Database as Tables
from sqlite_utils.migrations import Migrations

from tidegate.errors import RegistryError
from tidegate.store.faults import translated
from tidegate.store.migrations import APPLICATION_ID, schema


def check(path: Path, migrations: Migrations = schema) -> None:
    """Reads a registry without writing to it, and raises :class:`RegistryError` unless it can be opened."""
    if not path.is_file():
        raise RegistryError(f"REGISTRY_MISSING: there is no {path}; restore a backup")
    nothing = Tables(memory=True, execute_plugins=False)
    known = len(migrations.pending(nothing))
    nothing.close()
    with translated():
        connection = sqlite3.connect(uri(path, "ro"), uri=True, isolation_level=None)
        try:
            application = _single(connection, "PRAGMA application_id")
            version = _single(connection, "PRAGMA user_version")
            if application != APPLICATION_ID or version < 1:
                raise RegistryError(f"SCHEMA_MISSING: {path} is no registry of Tidegate; restore a backup")
            if version > known:
                raise RegistryError(
                    f"FORMAT_TOO_NEW: {path} has schema {version}, this program knows schemas up to {known}; "
                    "use a newer Tidegate"
                )
            fault = _single(connection, "PRAGMA quick_check(1)")
            if fault != "ok":
                raise RegistryError(f"REGISTRY_CORRUPT: {path}: {fault}; restore a backup")
            broken = connection.execute("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RegistryError(
                    f"REGISTRY_CORRUPT: {path}: table {broken[0][0]} refers to rows that are gone"
                )
        finally:
            connection.close()


def upgrade(tables: Tables, migrations: Migrations = schema) -> None:
    """Applies what is pending; a failing migration leaves the registry as it was before that one."""
    migrations.apply(tables)


def back_up(path: Path, connection: sqlite3.Connection) -> Path:
    """Copies the registry, as it is before a migration, to ``registry.schema-<n>.db`` beside it."""
    version = _single(connection, "PRAGMA user_version")
    copy = path.with_name(f"{path.stem}.schema-{version}{path.suffix}")
    unfinished = copy.with_suffix(".tmp")
    unfinished.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", [str(unfinished)])
    unfinished.rename(copy)
    return copy


def uri(path: Path, mode: str) -> str:
    """How SQLite is told to open ``path``: ``ro``, ``rw`` or ``rwc``."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def _single(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchall()[0][0]
