"""The registry's database: one writer behind a lock, one reader, and transactions that begin immediately."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database as Tables
from sqlite_utils.migrations import Migrations

from tidegate.errors import ConflictError, InternalError
from tidegate.store.faults import translated
from tidegate.store.migrations import schema
from tidegate.store.opening import back_up, check, upgrade, uri

Parameters = Sequence[Any] | Mapping[str, Any]
Row = dict[str, Any]

_PRAGMAS = (
    "busy_timeout = 5000",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "wal_autocheckpoint = 1000",
    "journal_size_limit = 67108864",
    "temp_store = MEMORY",
)


class Transaction:
    """A write in progress: everything in it is committed together or not at all."""

    def __init__(self, tables: Tables, generation: int) -> None:
        self.generation = generation
        """The registry's generation when this transaction is committed: one more with every write."""
        self._tables = tables
        self._hooks: list[Callable[[], None]] = []

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Runs a statement and returns how many rows it changed."""
        return self._tables.conn.execute(sql, parameters).rowcount

    def insert(self, table: str, row: Row) -> None:
        """Adds a row; lists and dictionaries are written as JSON."""
        self._tables.table(table).insert(row)

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Runs ``hook`` once when the commit is on the disk and before the caller goes on."""
        if hook not in self._hooks:
            self._hooks.append(hook)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that can fail and be taken back alone, with the hooks that it asked for."""
        hooks = list(self._hooks)
        try:
            with self._tables.atomic():
                yield
        except BaseException:
            self._hooks = hooks
            raise

    def run_hooks(self) -> None:
        """Called by the database after the commit."""
        for hook in self._hooks:
            hook()


class Database:
    """The registry's file, held by one process; safe to use from many threads."""

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self.tables = Tables(writer, execute_plugins=False)
        """The writing connection as sqlite-utils sees it; write only inside :meth:`transaction`."""
        self._writer = writer
        self._reader = reader
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        self._transaction: Transaction | None = None

    @classmethod
    def create(cls, path: Path) -> Database:
        """Makes a new registry; one that exists is a :class:`ConflictError`."""
        if path.exists():
            raise ConflictError(f"{path} exists already")
        with translated(), _connected(path, "rwc") as writer:
            upgrade(Tables(writer, execute_plugins=False))
            # A registry that lives only in its write-ahead log is lost with one flipped byte.
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return cls(path, writer, _connect_reader(path))

    @classmethod
    def open(cls, path: Path, migrations: Migrations = schema) -> Database:
        """Opens a registry that is whole and not newer than this program, and brings it up to date.

        Raises :class:`RegistryError` for one that is missing, damaged or newer, and leaves it untouched.
        """
        check(path, migrations)
        with translated(), _connected(path, "rw") as writer:
            tables = Tables(writer, execute_plugins=False)
            if migrations.pending(tables):
                back_up(path, writer)
                upgrade(tables, migrations)
            return cls(path, writer, _connect_reader(path))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begins a write at once, so that what is read inside can't change before it is used.

        Inside another transaction of the same thread it is a part of that one, taken back alone when it
        fails. The hooks run after the commit and before another thread can write; what they raise does not
        undo it.
        """
        with self._writing:
            if self._transaction is not None:
                with self._transaction.savepoint():
                    yield self._transaction
                return
            with translated():
                transaction = self._begin()
                try:
                    yield transaction
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
                finally:
                    self._transaction = None
            transaction.run_hooks()

    def _begin(self) -> Transaction:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            row = self._writer.execute(
                "UPDATE meta SET generation = generation + 1 RETURNING generation"
            ).fetchall()[0]
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._transaction = Transaction(self.tables, int(row[0]))
        return self._transaction

    @property
    def open_transaction(self) -> Transaction:
        """The transaction of the calling thread; :class:`InternalError` when it has none."""
        transaction = self._own_transaction()
        if transaction is None:
            raise InternalError("a write to the registry needs a transaction")
        return transaction

    def _own_transaction(self) -> Transaction | None:
        # Only the thread that is in the transaction can take the lock while there is one.
        if not self._writing.acquire(blocking=False):
            return None
        try:
            return self._transaction
        finally:
            self._writing.release()

    @contextmanager
    def writes_paused(self) -> Iterator[None]:
        """Keeps other threads from writing, so that the database and the files beside it can be compared."""
        with self._writing:
            yield

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a SELECT, as the thread's own open transaction sees them, else as last committed."""
        with translated():
            if self._own_transaction() is not None:
                return _rows(self._writer, sql, parameters)
            with self._reading:
                return _rows(self._reader, sql, parameters)

    def one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a SELECT, or None."""
        rows = self.query(sql, parameters)
        return rows[0] if rows else None

    @property
    def generation(self) -> int:
        """How many writes the registry has seen."""
        return int(self.query("SELECT generation FROM meta")[0]["generation"])

    def checkpoint(self) -> None:
        """Moves the write-ahead log into the database file, as far as no reader is in the way."""
        with self._writing, translated():
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Closes both connections; the last one to close empties the write-ahead log."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()


@contextmanager
def _connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A writing connection, which is closed when what follows fails and else stays open."""
    connection = sqlite3.connect(
        uri(path, mode), uri=True, isolation_level=None, check_same_thread=False, timeout=5
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        yield connection
    except BaseException:
        connection.close()
        raise


def _connect_reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri(path, "ro"), uri=True, isolation_level=None, check_same_thread=False, timeout=5
    )
    for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _rows(connection: sqlite3.Connection, sql: str, parameters: Parameters) -> list[Row]:
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
