"""The audit log: no change without an entry, no entry without its line, and no tampering unseen."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Rooms
from tidegate.audit import Audit
from tidegate.errors import InternalError, RegistryError, UnavailableError
from tidegate.store import Database
from tidegate.store.canonical import canonical, sha256

Spawn = Callable[..., "subprocess.Popen[str]"]
Reopen = Callable[[], Rooms]


class Crash(BaseException):
    """The end of the process, as far as this test goes."""


def lines(rooms: Rooms) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (rooms.root / "audit.jsonl").read_bytes().splitlines()]


def act(rooms: Rooms, count: int = 1) -> None:
    for number in range(count):
        rooms.registry.models.create(f"m{number}", principal="ada")


def damage(rooms: Rooms, sql: str, *parameters: object) -> None:
    """Changes the registry behind its back."""
    other = sqlite3.connect(rooms.database.path)
    other.execute(sql, parameters)
    other.commit()
    other.close()


def test_a_change_its_entry_and_its_line_say_the_same(rooms: Rooms) -> None:
    rooms.registry.models.create("flight-delay", "late?", principal="ada")
    (entry,) = rooms.audit.entries()
    assert lines(rooms) == [entry]
    assert entry == {
        "seq": 1,
        "at": "2013-03-01T00:00:00.000000Z",
        "actor": "ada",
        "action": "create_model",
        "subject": "model:flight-delay",
        "detail": {"description": "late?"},
        "reason": "",
        "generation": 1,
        "prev": "",
        "hash": entry["hash"],
    }
    body = {name: value for name, value in entry.items() if name != "hash"}
    assert entry["hash"] == sha256(canonical(body))


def test_entries_are_chained_and_the_chain_holds(rooms: Rooms) -> None:
    act(rooms, 5)
    entries = rooms.audit.entries()
    assert [entry["prev"] for entry in entries[1:]] == [entry["hash"] for entry in entries[:-1]]
    assert rooms.audit.verify() == {
        "entries": 5,
        "head": entries[-1]["hash"],
        "ok": True,
        "problem": None,
        "seq": None,
    }
    assert [entry["seq"] for entry in rooms.audit.entries(after=2, limit=2)] == [3, 4]


def test_an_empty_log_is_well(rooms: Rooms) -> None:
    assert rooms.audit.verify() == {"entries": 0, "head": "", "ok": True, "problem": None, "seq": None}


def test_what_is_taken_back_leaves_no_entry(rooms: Rooms) -> None:
    def fail() -> None:
        with rooms.database.transaction():
            act(rooms)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert rooms.audit.entries() == []
    assert not (rooms.root / "audit.jsonl").exists()
    act(rooms)
    assert [entry["seq"] for entry in lines(rooms)] == [1]


def test_an_entry_needs_a_transaction(rooms: Rooms) -> None:
    with pytest.raises(InternalError, match="needs a transaction"):
        rooms.audit.append("ada", "act", "thing", {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    detail=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_any_detail_is_kept_on_one_line_and_verified(rooms: Rooms, detail: dict[str, Any]) -> None:
    with rooms.database.transaction():
        rooms.audit.append("ada", "act", "thing\nforged", detail)
    assert len(lines(rooms)) == rooms.audit.verify()["entries"]
    assert rooms.audit.verify()["ok"]


@pytest.mark.parametrize("torn", [b"", b'{"seq":3', b"\x00" * 5000])
def test_a_crash_between_commit_and_line_is_made_good_at_the_next_start(
    rooms: Rooms, reopen: Reopen, torn: bytes
) -> None:
    act(rooms, 2)

    def crash(place: str) -> None:
        if place == "committed":
            raise Crash

    dying = Audit(rooms.database, rooms.root / "audit.jsonl", rooms.clock, crash)
    with pytest.raises(Crash), rooms.database.transaction():
        dying.append("ada", "act", "thing", {})
    with (rooms.root / "audit.jsonl").open("ab") as file:
        file.write(torn)
    assert not rooms.audit.verify()["ok"]
    again = reopen()
    assert [line["seq"] for line in lines(again)] == [1, 2, 3]
    assert again.audit.verify()["ok"]


@pytest.mark.parametrize("place", ["committed", "written"])
def test_a_kill_on_the_way_loses_no_entry_of_what_was_done(tmp_path: Path, spawn: Spawn, place: str) -> None:
    code = """
import os, pathlib, signal, sys
from tidegate.audit import Audit
from tidegate.store import Database
root = pathlib.Path(sys.argv[1])
def die(place):
    if place == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
database = Database.create(root / "registry.db")
audit = Audit(database, root / "audit.jsonl", failpoint=die)
with database.transaction() as transaction:
    transaction.insert("models", {"name": "m", "description": "", "created_at": "", "created_by": ""})
    audit.append("ada", "create_model", "model:m", {})
print("answered", flush=True)
"""
    child = spawn(code, tmp_path, place)
    assert child.stdout is not None
    assert child.stdout.read() == ""
    assert child.wait() == -9
    assert (tmp_path / "audit.jsonl").exists() == (place == "written")
    database = Database.open(tmp_path / "registry.db")
    assert database.query("SELECT name FROM models") == [{"name": "m"}]
    assert Audit(database, tmp_path / "audit.jsonl").verify()["entries"] == 1
    assert len((tmp_path / "audit.jsonl").read_bytes().splitlines()) == 1
    database.close()


def test_a_line_that_cannot_be_written_is_told_and_caught_up(rooms: Rooms) -> None:
    (rooms.root / "audit.jsonl").mkdir()
    with pytest.raises(UnavailableError, match="AUDIT_UNWRITABLE: it is done, but"):
        act(rooms)
    (rooms.root / "audit.jsonl").rmdir()
    rooms.registry.models.create("next", principal="ada")
    assert [line["subject"] for line in lines(rooms)] == ["model:m0", "model:next"]
    assert rooms.audit.verify()["ok"]


def test_a_failed_sync_leaves_the_file_as_it_was(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    act(rooms)

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(UnavailableError, match="Input/output error"):
            rooms.registry.models.create("second", principal="ada")
    assert len(lines(rooms)) == 1
    rooms.registry.models.create("third", principal="ada")
    assert [line["seq"] for line in lines(rooms)] == [1, 2, 3]


def test_an_older_registry_than_the_file_is_refused(rooms: Rooms, reopen: Reopen) -> None:
    act(rooms, 2)
    rooms.database.checkpoint()
    rooms.database.close()
    shutil.copy(rooms.database.path, rooms.root / "older.db")
    later = reopen()
    later.registry.models.create("later", principal="ada")
    later.database.close()
    shutil.copy(rooms.root / "older.db", rooms.database.path)
    with pytest.raises(
        RegistryError, match=r"REGISTRY_ROLLED_BACK: generation 2 of .* older than generation 3"
    ):
        reopen()
    with pytest.raises(RegistryError, match="REGISTRY_ROLLED_BACK"):
        reopen()


def test_a_lost_write_ahead_log_is_noticed(rooms: Rooms, tmp_path: Path) -> None:
    rooms.database.checkpoint()
    act(rooms, 3)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("registry.db", "audit.jsonl"):
        shutil.copy(rooms.root / name, copy / name)
    database = Database.open(copy / "registry.db")
    with pytest.raises(RegistryError, match="REGISTRY_ROLLED_BACK: generation 0"):
        Audit(database, copy / "audit.jsonl")
    database.close()


def test_a_cut_write_ahead_log_is_noticed_wherever_it_was_cut(rooms: Rooms, tmp_path: Path) -> None:
    act(rooms, 6)
    wal = (rooms.root / "registry.db-wal").read_bytes()
    refused = 0
    for cut in range(0, len(wal), max(1, len(wal) // 20)):
        copy = tmp_path / f"cut{cut}"
        copy.mkdir()
        for name in ("registry.db", "audit.jsonl"):
            shutil.copy(rooms.root / name, copy / name)
        (copy / "registry.db-wal").write_bytes(wal[:cut])
        database = Database.open(copy / "registry.db")
        try:
            Audit(database, copy / "audit.jsonl")
        except RegistryError as error:
            refused += "REGISTRY_ROLLED_BACK" in str(error)
        else:
            assert database.generation == 6
        database.close()
    assert refused >= 15


def test_the_log_of_another_home_is_refused(rooms: Rooms, reopen: Reopen) -> None:
    act(rooms)
    entry = lines(rooms)[0] | {"hash": sha256(b"another")}
    (rooms.root / "audit.jsonl").write_bytes(canonical(entry) + b"\n")
    with pytest.raises(RegistryError, match="AUDIT_DIVERGED: entry 1"):
        reopen()


@pytest.mark.parametrize("text", [b"{}\n", b"nonsense\n", b"[1]\n", b'{"seq":"x"}\n', b"\n"])
def test_a_last_line_that_is_no_entry_is_refused(rooms: Rooms, reopen: Reopen, text: bytes) -> None:
    act(rooms)
    with (rooms.root / "audit.jsonl").open("ab") as file:
        file.write(text)
    with pytest.raises(RegistryError, match="AUDIT_UNREADABLE"):
        reopen()


def test_a_lost_file_is_written_anew(rooms: Rooms, reopen: Reopen) -> None:
    act(rooms, 3)
    before = (rooms.root / "audit.jsonl").read_bytes()
    (rooms.root / "audit.jsonl").unlink()
    reopen()
    assert (rooms.root / "audit.jsonl").read_bytes() == before


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_changed_entry_is_named(rooms: Rooms, seq: int) -> None:
    act(rooms, 5)
    damage(rooms, "UPDATE audit SET body = replace(body, 'ada', 'eve') WHERE seq = ?", seq)
    found = rooms.audit.verify()
    assert (found["ok"], found["seq"], found["entries"]) == (False, seq, seq - 1)
    assert found["problem"] == f"entry {seq} does not have its hash: it was changed"


@pytest.mark.parametrize("forged", [canonical, lambda body: b"{not json}", lambda body: b'{"seq":3}'])
def test_a_changed_entry_with_a_new_hash_is_named_too(
    rooms: Rooms, forged: Callable[[dict[str, Any]], bytes]
) -> None:
    act(rooms, 5)
    body = {name: value for name, value in rooms.audit.entries()[2].items() if name != "hash"}
    text = forged(body | {"actor": "eve"})
    damage(rooms, "UPDATE audit SET body = ?, hash = ? WHERE seq = 3", text.decode(), sha256(text))
    found = rooms.audit.verify()
    assert (found["ok"], found["seq"]) == (False, 3)


@pytest.mark.parametrize(("seq", "named"), [(1, 1), (3, 3), (5, 5)])
def test_a_removed_entry_is_named(rooms: Rooms, seq: int, named: int) -> None:
    act(rooms, 5)
    damage(rooms, "DELETE FROM audit WHERE seq = ?", seq)
    found = rooms.audit.verify()
    assert (found["ok"], found["seq"]) == (False, named)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_changed_line_of_the_file_is_named(rooms: Rooms, seq: int) -> None:
    act(rooms, 5)
    path = rooms.root / "audit.jsonl"
    text = path.read_bytes().splitlines(keepends=True)
    text[seq - 1] = text[seq - 1].replace(b'"ada"', b'"eve"')
    path.write_bytes(b"".join(text))
    found = rooms.audit.verify()
    assert (found["ok"], found["seq"]) == (False, seq)


@pytest.mark.parametrize("kept", [0, 2, 4])
def test_a_cut_tail_of_the_file_is_named(rooms: Rooms, kept: int) -> None:
    act(rooms, 5)
    path = rooms.root / "audit.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    found = rooms.audit.verify()
    assert (found["ok"], found["seq"]) == (False, kept + 1)
    assert found["problem"] == f"the file ends before entry {kept + 1}"


def test_a_tail_that_was_cut_in_both_is_given_away_by_the_head(rooms: Rooms) -> None:
    act(rooms, 5)
    damage(rooms, "DELETE FROM audit WHERE seq > 3")
    path = rooms.root / "audit.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    found = rooms.audit.verify()
    assert (found["ok"], found["seq"]) == (False, 4)
    assert found["problem"] == "the registry's head is entry 5, but its entries end after 3"


def test_more_lines_than_entries_are_named(rooms: Rooms) -> None:
    act(rooms, 2)
    with (rooms.root / "audit.jsonl").open("ab") as file:
        file.write(b"{}\n")
    found = rooms.audit.verify()
    assert (found["ok"], found["seq"]) == (False, 3)


def test_threads_leave_one_chain_in_the_order_of_their_commits(rooms: Rooms) -> None:
    barrier = threading.Barrier(6)

    def work(who: int) -> None:
        barrier.wait()
        for number in range(10):
            rooms.registry.models.create(f"m{who}-{number}", principal=f"p{who}")

    threads = [threading.Thread(target=work, args=[who]) for who in range(6)]
    for thread in threads:
        thread.start()
    barrier_free_checks = [rooms.audit.verify()["ok"] for _ in range(5)]
    for thread in threads:
        thread.join()
    assert all(barrier_free_checks)
    found = rooms.audit.verify()
    assert (found["ok"], found["entries"]) == (True, 60)
    assert [line["seq"] for line in lines(rooms)] == list(range(1, 61))
    assert [line["generation"] for line in lines(rooms)] == list(range(1, 61))


def test_a_long_log_is_verified_in_pieces(rooms: Rooms) -> None:
    with rooms.database.transaction():
        for number in range(2500):
            rooms.audit.append("ada", "act", f"thing:{number}", {})
    assert rooms.audit.verify()["entries"] == 2500
    assert len(lines(rooms)) == 2500
