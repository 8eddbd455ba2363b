"""``server.json``: true of a process that lives, and never taken for one that reuses its pid."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate.errors import NotFoundError
from tidegate.store import Database, Home, ProcessRef, ServerInfo, read_server

Spawn = Callable[..., "subprocess.Popen[str]"]


def info(**changes: object) -> ServerInfo:
    facts: dict[str, object] = {
        "control": ProcessRef.of(),
        "host": "127.0.0.1",
        "port": 8000,
        "admin_port": 8002,
        "control_port": 8010,
        "started_at": datetime(2026, 11, 24, tzinfo=UTC),
    }
    return ServerInfo.model_validate(facts | changes)


def test_what_is_written_is_read_without_the_lock(tmp_path: Path) -> None:
    def furnish(home: Home, database: Database) -> None:
        home.write_server(info())

    Home.init(tmp_path / "home", furnish)
    assert read_server(tmp_path / "home") == info()
    with Home.open(tmp_path / "home") as home:
        home.write_server(info(scoring=ProcessRef.of()))
        assert home.server() == info(scoring=ProcessRef.of())
        home.clear_server()
        home.clear_server()
        assert home.server() is None


@pytest.mark.parametrize("text", ["", "{", "{}", '{"control": 3}'])
def test_a_file_that_says_nothing_is_nobody(tmp_path: Path, text: str) -> None:
    assert read_server(tmp_path) is None
    (tmp_path / "server.json").write_text(text)
    assert read_server(tmp_path) is None
    assert read_server(tmp_path / "server.json") is None


def test_a_process_is_alive_until_it_ends(spawn: Spawn) -> None:
    child = spawn("input()")
    ref = ProcessRef.of(child.pid)
    assert ref.alive()
    child.kill()
    child.wait()
    assert not ref.alive()
    with pytest.raises(NotFoundError, match=f"no process {child.pid}"):
        ProcessRef.of(child.pid)


def test_a_dead_process_that_nobody_reaped_is_not_alive(spawn: Spawn) -> None:
    child = spawn("")
    assert child.stdout is not None
    child.stdout.read()  # the end of its output
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not ProcessRef(pid=child.pid, started=0).alive()
    with pytest.raises(NotFoundError):
        ProcessRef.of(child.pid)


def test_another_process_of_the_same_pid_is_another() -> None:
    ref = ProcessRef.of()
    assert ref.pid == os.getpid()
    assert not ref.model_copy(update={"started": ref.started + 1}).alive()


def test_urls_name_the_port_and_bracket_ipv6() -> None:
    assert info().url(8010) == "http://127.0.0.1:8010"
    assert info(host="::1").url(8000) == "http://[::1]:8000"
