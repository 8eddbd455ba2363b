"""``server.json``: which processes serve a home, and on which ports. Read without the lock."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from tidegate.errors import NotFoundError
from tidegate.store.files import write_atomically
from tidegate.types import Value


class ProcessRef(Value):
    """A process by its pid and the moment it started, so that a reused pid is not taken for it."""

    pid: int
    started: int
    """Clock ticks after boot, from ``/proc/<pid>/stat``."""

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessRef:
        """The process ``pid`` (default: this one); :class:`NotFoundError` when it has ended."""
        pid = os.getpid() if pid is None else pid
        started = _started(pid)
        if started is None:
            raise NotFoundError(f"there is no process {pid}")
        return cls(pid=pid, started=started)

    def alive(self) -> bool:
        """Whether exactly this process still runs (one that waits to be reaped does not)."""
        return _started(self.pid) == self.started


class ServerInfo(Value):
    """What ``server.json`` says."""

    control: ProcessRef
    scoring: ProcessRef | None = None
    host: str
    data_host: str | None = None
    """Where scoring listens, if that is not ``host``."""
    tls: bool = False
    """Whether scoring speaks TLS."""
    port: int
    admin_port: int
    control_port: int
    started_at: datetime

    def url(self, port: int) -> str:
        """The base URL of one of the ports that stay on loopback."""
        return f"http://{_in_url(self.host)}:{port}"

    @property
    def data(self) -> str:
        """The base URL of scoring."""
        return f"{'https' if self.tls else 'http'}://{_in_url(self.data_host or self.host)}:{self.port}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def read_server(root: Path) -> ServerInfo | None:
    """Who serves the home at ``root`` by its own word; None when nobody does or the file can't be read."""
    try:
        return ServerInfo.model_validate_json((root / "server.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def write_server(root: Path, info: ServerInfo) -> None:
    """Replaces ``server.json``."""
    write_atomically(root / "server.json", info.model_dump_json(indent=2).encode() + b"\n", 0o600)


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the command in brackets, may itself hold spaces and brackets.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])
