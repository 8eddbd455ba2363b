"""SQLite's errors as Tidegate's, by result code and never by message."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.errors import InternalError, RegistryError, TidegateError, UnavailableError

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "REGISTRY_BUSY: another process has held the registry for more than 5 seconds",
    sqlite3.SQLITE_LOCKED: "REGISTRY_BUSY: another reader holds a table of the registry",
    sqlite3.SQLITE_FULL: "REGISTRY_FULL: the disk is full; nothing was written",
    sqlite3.SQLITE_IOERR: "REGISTRY_IO: the disk under the registry failed; nothing was written",
    sqlite3.SQLITE_READONLY: "REGISTRY_READ_ONLY: the registry's file or folder can't be written",
}
_REFUSED = {
    sqlite3.SQLITE_CORRUPT: "REGISTRY_CORRUPT: the registry's file is damaged; restore a backup",
    sqlite3.SQLITE_NOTADB: "REGISTRY_CORRUPT: the registry's file is no SQLite database; restore a backup",
    sqlite3.SQLITE_CANTOPEN: "REGISTRY_MISSING: the registry's file can't be opened",
}


def translate(error: sqlite3.Error) -> TidegateError:
    """The error of ours that says what ``error`` means for the caller."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _UNAVAILABLE:
        return UnavailableError(_UNAVAILABLE[code])
    if code in _REFUSED:
        return RegistryError(_REFUSED[code])
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    return InternalError(f"the registry refused a statement: {name}")


@contextmanager
def translated() -> Iterator[None]:
    """Raises SQLite's errors as ours, with the cause kept."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error) from error
