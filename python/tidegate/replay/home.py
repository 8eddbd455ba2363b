"""A replay's home: made by a replay, known by its marker, and the only folder that one ever deletes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import time
from pathlib import Path

from tidegate.errors import ConflictError
from tidegate.installation import init
from tidegate.settings import FILE
from tidegate.store.server_file import ProcessRef, read_server

MARKER = "replay.json"
_MADE_BY = {"made_by": "tidegate replay"}
_STOP_SECONDS = 30.0


def make(home: Path, settings: str = "") -> None:
    """Makes an empty home at ``home`` with ``settings`` as its ``tidegate.toml``.

    What an earlier replay made there is stopped and deleted first. The marker is written before the home gets
    its name, so a replay's home is never without one.

    Raises :class:`ConflictError` when something is there that no replay made.
    """
    home = home.absolute()
    _clear(home)
    home.parent.mkdir(parents=True, exist_ok=True)
    unfinished = home.with_name(f".{home.name}.{secrets.token_hex(6)}.replay")
    try:
        init(unfinished)
        (unfinished / FILE).write_text(settings, encoding="utf-8")
        (unfinished / MARKER).write_text(json.dumps(_MADE_BY) + "\n")
        unfinished.rename(home)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def is_made_by_replay(home: Path) -> bool:
    """Whether ``home`` is a folder (no link to one) with a replay's marker."""
    marker = home / MARKER
    if home.is_symlink() or marker.is_symlink() or not marker.is_file():
        return False
    try:
        return bool(json.loads(marker.read_text()) == _MADE_BY)
    except ValueError:
        return False


def _clear(home: Path) -> None:
    if not home.exists() and not home.is_symlink():
        return
    if not home.is_symlink() and home.is_dir() and not any(home.iterdir()):
        home.rmdir()
        return
    if not is_made_by_replay(home):
        raise ConflictError(f"{home} exists and was not made by a replay; name another one with --home")
    _stop_server(home)
    shutil.rmtree(home)


def _stop_server(home: Path) -> None:
    """Stops the server that an earlier replay left behind, told by pid and starting time."""
    server = read_server(home)
    if server is not None:
        for process in filter(None, (server.control, server.scoring)):
            _stop(process)


def _stop(process: ProcessRef) -> None:
    if not process.alive():
        return
    os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while process.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    if process.alive():
        os.kill(process.pid, signal.SIGKILL)
