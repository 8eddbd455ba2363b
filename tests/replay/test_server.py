"""The server that a replay starts: ready when it is entered, gone when it is left, however it is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tidegate.client import Client
from tidegate.errors import UnavailableError
from tidegate.replay import home
from tidegate.replay.run import _sigterm_interrupts
from tidegate.replay.server import Server
from tidegate.store.server_file import ProcessRef


def test_it_is_ready_and_then_gone_even_after_an_interruption(tmp_path: Path) -> None:
    home.make(tmp_path / "home")
    started: list[ProcessRef] = []

    def interrupted() -> None:
        with _sigterm_interrupts(), Server(tmp_path / "home") as server:
            assert server.status()["generation"] == 0
            with Client(home=tmp_path / "home") as client:
                assert client.status()["endpoints"] == []
            assert server.info.scoring is not None
            started.extend([server.info.control, server.info.scoring])
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(started) == 2
    assert not any(process.alive() for process in started)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no home at"):
        Server(tmp_path).__enter__()
