"""The registry's database: whole transactions, one writer at a time, and no damaged or newer file opened."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidegate.errors import ConflictError, InternalError, RegistryError, UnavailableError
from tidegate.store import Database, Transaction
from tidegate.store.opening import check

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.create(tmp_path / "registry.db")
    yield opened
    opened.close()


def add(transaction: Transaction, name: str) -> None:
    row = {"name": name, "description": "", "created_at": "2013", "created_by": "owner"}
    transaction.insert("models", row)


def write_and_fail(database: Database, name: str, *hooks: Callable[[], None]) -> None:
    with database.transaction() as transaction:
        add(transaction, name)
        for hook in hooks:
            transaction.after_commit(hook)
        raise ZeroDivisionError


def names(database: Database) -> list[str]:
    return [str(row["name"]) for row in database.query("SELECT name FROM models ORDER BY name")]


def test_the_pragmas_are_those_of_the_specification(database: Database) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 5000,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "wal_autocheckpoint": 1000,
        "journal_size_limit": 67108864,
        "temp_store": 2,
        "application_id": 0x54494445,
        "user_version": 5,
    }
    assert {name: next(database.tables.query(f"PRAGMA {name}")) for name in wanted} == {
        name: {"timeout" if name == "busy_timeout" else name: value} for name, value in wanted.items()
    }


def test_every_table_is_strict(database: Database) -> None:
    tables = database.query(
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
    )
    ours = {
        row["name"]: row["strict"] for row in tables if not row["name"].startswith(("sqlite_", "_sqlite"))
    }
    assert len(ours) == 23
    assert all(ours.values())


def test_a_transaction_is_whole_and_counts_one_generation(database: Database) -> None:
    assert database.generation == 0
    with database.transaction() as transaction:
        add(transaction, "a")
        add(transaction, "b")
        assert transaction.generation == 1
        assert names(database) == ["a", "b"]
    with pytest.raises(ZeroDivisionError):
        write_and_fail(database, "c")
    assert names(database) == ["a", "b"]
    assert database.generation == 1


def test_others_see_nothing_before_the_commit(database: Database) -> None:
    seen: list[list[str]] = []
    with database.transaction() as transaction:
        add(transaction, "a")
        thread = threading.Thread(target=lambda: seen.append(names(database)))
        thread.start()
        thread.join()
    assert seen == [[]]
    assert names(database) == ["a"]


def test_a_part_can_fail_alone_with_its_hooks(database: Database) -> None:
    called: list[str] = []
    with database.transaction() as outer:
        add(outer, "a")
        outer.after_commit(lambda: called.append("outer"))
        with pytest.raises(ZeroDivisionError):
            write_and_fail(database, "b", lambda: called.append("inner"))
        with database.transaction() as inner:
            assert inner is outer
            add(inner, "c")
        assert called == []
    assert names(database) == ["a", "c"]
    assert called == ["outer"]
    assert database.generation == 1


def test_hooks_run_once_after_the_commit_and_never_after_a_failure(database: Database) -> None:
    seen: list[list[str]] = []

    def hook() -> None:
        seen.append(names(database))

    with database.transaction() as transaction:
        transaction.after_commit(hook)
        transaction.after_commit(hook)
        add(transaction, "a")
    with pytest.raises(ZeroDivisionError):
        write_and_fail(database, "b", hook)
    assert seen == [["a"]]


def test_a_hook_that_fails_undoes_nothing_and_blocks_nothing(database: Database) -> None:
    def hook() -> None:
        raise ZeroDivisionError

    def write() -> None:
        with database.transaction() as transaction:
            transaction.after_commit(hook)
            add(transaction, "a")

    with pytest.raises(ZeroDivisionError):
        write()
    with database.transaction() as transaction:
        add(transaction, "b")
    assert names(database) == ["a", "b"]


def test_writing_needs_a_transaction_of_the_same_thread(database: Database) -> None:
    with pytest.raises(InternalError, match="needs a transaction"):
        database.open_transaction  # noqa: B018
    failed: list[Exception] = []

    def elsewhere() -> None:
        try:
            database.open_transaction  # noqa: B018
        except InternalError as error:
            failed.append(error)

    with database.transaction() as transaction:
        assert database.open_transaction is transaction
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(failed) == 1


def test_reads_cannot_write(database: Database) -> None:
    with pytest.raises(UnavailableError, match="READ_ONLY"):
        database.query("DELETE FROM meta RETURNING 1")


def test_a_statement_that_is_refused_is_a_fault_of_ours(database: Database) -> None:
    with pytest.raises(InternalError, match="SQLITE_CONSTRAINT_CHECK"), database.transaction() as transaction:
        add(transaction, "")
    with pytest.raises(InternalError, match="SQLITE_ERROR"):
        database.query("SELECT * FROM nowhere")
    with (
        pytest.raises(InternalError, match="SQLITE_CONSTRAINT_FOREIGNKEY"),
        database.transaction() as transaction,
    ):
        transaction.execute("INSERT INTO plans VALUES ('ep', 1, '[]', 1, 'null', '', '', '', '[]')")


def test_threads_that_read_and_then_write_lose_nothing(database: Database) -> None:
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(25):
            with database.transaction() as transaction:
                count = database.query("SELECT count(*) AS n FROM models")[0]["n"]
                add(transaction, f"{count:05}")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(database) == [f"{number:05}" for number in range(200)]
    assert database.generation == 200


def test_processes_that_read_and_then_write_lose_nothing(database: Database, spawn: Spawn) -> None:
    code = """
import pathlib, sys
from tidegate.store import Database
database = Database.open(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(25):
    with database.transaction() as transaction:
        n = database.query("SELECT count(*) AS n FROM models")[0]["n"]
        row = {"name": f"{n:05}", "description": "", "created_at": "", "created_by": ""}
        transaction.insert("models", row)
"""
    children = [spawn(code, database.path) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        assert child.wait() == 0
    assert names(database) == [f"{number:05}" for number in range(50)]


def test_a_registry_that_another_program_holds_is_busy(database: Database) -> None:
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database.tables.conn.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(UnavailableError, match="REGISTRY_BUSY"), database.transaction():
        pytest.fail("it has begun")
    other.execute("ROLLBACK")
    other.close()
    with database.transaction() as transaction:
        add(transaction, "a")


def test_a_full_disk_takes_the_write_back(database: Database) -> None:
    pages = database.tables.execute("PRAGMA page_count").fetchone()[0]
    database.tables.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UnavailableError, match="REGISTRY_FULL"), database.transaction() as transaction:
        add(transaction, "x" * 1_000_000)
    assert names(database) == []
    database.tables.execute("PRAGMA max_page_count = 1000000")
    with database.transaction() as transaction:
        add(transaction, "a")


def test_a_registry_is_not_made_over_another(database: Database) -> None:
    with pytest.raises(ConflictError, match="exists already"):
        Database.create(database.path)


def test_what_is_committed_is_there_after_a_kill(tmp_path: Path, spawn: Spawn) -> None:
    code = """
import os, pathlib, signal, sys
from tidegate.store import Database
database = Database.create(pathlib.Path(sys.argv[1]))
row = {"description": "", "created_at": "", "created_by": ""}
with database.transaction() as transaction:
    transaction.insert("models", {"name": "kept", **row})
with database.transaction() as transaction:
    transaction.insert("models", {"name": "lost", **row})
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert spawn(code, tmp_path / "registry.db").wait() == -9
    database = Database.open(tmp_path / "registry.db")
    assert names(database) == ["kept"]
    assert database.generation == 1
    database.close()


def test_a_missing_or_foreign_file_is_no_registry(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with pytest.raises(RegistryError, match="REGISTRY_MISSING"):
        Database.open(path)
    path.write_text("not a database, but long enough to be taken for one" * 40)
    with pytest.raises(RegistryError, match="REGISTRY_CORRUPT"):
        Database.open(path)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE x (y)")
    other.close()
    with pytest.raises(RegistryError, match="SCHEMA_MISSING"):
        Database.open(path)
    path.write_bytes(b"")
    with pytest.raises(RegistryError, match="SCHEMA_MISSING"):
        Database.open(path)


def test_a_damaged_page_is_found_before_anything_is_written(tmp_path: Path) -> None:
    database = Database.create(tmp_path / "registry.db")
    with database.transaction() as transaction:
        for number in range(200):
            add(transaction, f"{number:0100}")
    database.close()
    whole = database.path.read_bytes()
    for offset in range(4096, len(whole) - 4096, 4096):
        damaged = whole[:offset] + b"\xff" * 64 + whole[offset + 64 :]
        database.path.write_bytes(damaged)
        with pytest.raises(RegistryError, match="REGISTRY_CORRUPT"):
            Database.open(database.path)
        assert database.path.read_bytes() == damaged


def test_rows_without_what_they_refer_to_are_found(database: Database) -> None:
    database.close()
    other = sqlite3.connect(database.path)
    other.execute("INSERT INTO keys VALUES ('0123456789', 'nobody', '', '', '', NULL, NULL)")
    other.commit()
    other.close()
    with pytest.raises(RegistryError, match=r"REGISTRY_CORRUPT.*keys refers to rows that are gone"):
        check(database.path)
