"""The audit log: hash-chained entries in the registry, copied line by line to ``audit.jsonl``.

The entry is in the transaction of what it tells of; its line follows the commit; then the caller is answered.
Lines that a crash left out are written at the next start, and a registry older than the file is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import InvalidInputError, RegistryError, UnavailableError
from tidegate.store.canonical import canonical, parse, sha256, timestamp
from tidegate.store.connection import Database, Row
from tidegate.types import Clock, utc_now

_CHUNK = 1000


def _nothing(_place: str) -> None:
    """The failpoint of a program that is not under test."""


class Audit:
    """Appends entries and proves that none was changed, removed or put between."""

    def __init__(
        self,
        database: Database,
        path: Path,
        clock: Clock = utc_now,
        failpoint: Callable[[str], None] = _nothing,
    ) -> None:
        """Compares the registry with the file and writes the lines that are missing.

        ``failpoint`` is called with ``committed`` between commit and line, with ``written`` after the line.
        Raises :class:`RegistryError` when the file is ahead of the registry or contradicts it.
        """
        self._database = database
        self._path = path
        self._clock = clock
        self._failpoint = failpoint
        self._written = self._recover()
        self._flush()

    def append(
        self, actor: str, action: str, subject: str, detail: Mapping[str, Any], reason: str = ""
    ) -> None:
        """Adds an entry to the open transaction: ``actor`` did ``action`` to ``subject``."""
        transaction = self._database.open_transaction
        seq, prev = self._head()
        body = canonical(
            {
                "seq": seq + 1,
                "at": timestamp(self._clock()),
                "actor": actor,
                "action": action,
                "subject": subject,
                "detail": dict(detail),
                "reason": reason,
                "generation": transaction.generation,
                "prev": prev,
            }
        )
        digest = sha256(body)
        transaction.insert("audit", {"seq": seq + 1, "body": body.decode(), "hash": digest})
        transaction.execute("UPDATE meta SET audit_seq = ?, audit_head = ?", [seq + 1, digest])
        transaction.after_commit(self._flush)

    def entries(self, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Entries with their hash, oldest first, beginning after number ``after``."""
        return [parse(_line(row)) for row in self._rows(after, limit)]

    def verify(self) -> dict[str, Any]:
        """Follows the chain through registry and file and names the first bad entry.

        Returns ``entries`` (good ones), ``head`` (their last hash), ``ok``, and ``problem`` and ``seq``,
        which are None when all is well.
        """
        with self._database.writes_paused():
            count, head, problem = self._follow()
        return {
            "entries": count,
            "head": head,
            "ok": problem is None,
            "problem": problem,
            "seq": None if problem is None else count + 1,
        }

    def _follow(self) -> tuple[int, str, str | None]:
        count, head = 0, ""
        lines = _lines(self._path)
        for row in self._all_rows():
            problem = _fault(row, count + 1, head) or _line_fault(row, next(lines, None))
            if problem is not None:
                return count, head, problem
            count, head = count + 1, str(row["hash"])
        said, said_head = self._head()
        if (said, said_head) != (count, head):
            return count, head, f"the registry's head is entry {said}, but its entries end after {count}"
        if next(lines, None) is not None:
            return count, head, f"{self._path.name} goes on after entry {count}, where the registry ends"
        return count, head, None

    def _all_rows(self) -> Iterator[Row]:
        after = 0
        while rows := self._rows(after, _CHUNK):
            yield from rows
            after = rows[-1]["seq"]

    def _rows(self, after: int, limit: int) -> list[Row]:
        return self._database.query(
            "SELECT seq, body, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", [after, limit]
        )

    def _head(self) -> tuple[int, str]:
        row = self._database.query("SELECT audit_seq, audit_head FROM meta")[0]
        return int(row["audit_seq"]), str(row["audit_head"])

    def _recover(self) -> int:
        """The number of the file's last whole line, after a torn one was cut off."""
        last = _cut_torn_line(self._path)
        if last is None:
            return 0
        try:
            line = json.loads(last)
            seq, generation, digest = int(line["seq"]), int(line["generation"]), str(line["hash"])
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryError(
                f"AUDIT_UNREADABLE: the last line of {self._path} is no audit entry"
            ) from error
        ours = self._database.generation
        if seq > self._head()[0] or generation > ours:
            raise RegistryError(
                f"REGISTRY_ROLLED_BACK: generation {ours} of {self._database.path} is older than generation "
                f"{generation} of the audit head (entry {seq}); restore a newer registry"
            )
        row = self._database.one("SELECT hash FROM audit WHERE seq = ?", [seq])
        if row is None or row["hash"] != digest:
            raise RegistryError(
                f"AUDIT_DIVERGED: entry {seq} of {self._path} is not the registry's; "
                "they belong to different homes, or one of them was changed"
            )
        return seq

    def _flush(self) -> None:
        """Writes every entry that the file lacks; after a failure the next write catches up."""
        while rows := self._rows(self._written, _CHUNK):
            self._failpoint("committed")
            try:
                _append(self._path, b"".join(map(_line, rows)))
            except OSError as error:
                raise UnavailableError(
                    f"AUDIT_UNWRITABLE: it is done, but {self._path} can't be written: {error.strerror}"
                ) from error
            self._written = rows[-1]["seq"]
            self._failpoint("written")


def _line(row: Row) -> bytes:
    """An entry as the file has it: the canonical form of body and hash."""
    return canonical({**parse(row["body"]), "hash": row["hash"]}) + b"\n"


def _fault(row: Row, seq: int, prev: str) -> str | None:
    if row["seq"] != seq:
        return f"entry {seq} is missing"
    if sha256(str(row["body"]).encode()) != row["hash"]:
        return f"entry {seq} does not have its hash: it was changed"
    try:
        body = parse(row["body"])
        canonical(body)
        said = (body["seq"], body["prev"])
    except (ValueError, KeyError, TypeError, InvalidInputError):
        return f"entry {seq} is no audit entry"
    if said != (seq, prev):
        return f"entry {seq} does not follow the one before it"
    return None


def _line_fault(row: Row, line: bytes | None) -> str | None:
    if line is None:
        return f"the file ends before entry {row['seq']}"
    if line != _line(row):
        return f"the file's line {row['seq']} is not the registry's entry"
    return None


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from file


def _append(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, data)
            os.fdatasync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _cut_torn_line(path: Path) -> bytes | None:
    """The last whole line or None; half a line after it belongs to no answered request and is cut off."""
    if not path.exists():
        return None
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        whole = _end_of_line(file, end)
        if whole < end:
            file.truncate(whole)
            os.fsync(file.fileno())
        if whole == 0:
            return None
        start = _end_of_line(file, whole - 1)
        file.seek(start)
        return file.read(whole - start)


def _end_of_line(file: Any, end: int) -> int:
    """The offset after the last newline before ``end``, searched backwards block by block."""
    while end > 0:
        start = max(0, end - 4096)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return int(start + found + 1)
        end = start
    return 0
