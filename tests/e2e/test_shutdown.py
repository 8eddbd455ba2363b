"""Ends and changes of a server while requests are under way."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.e2e.servers import Servers, rows

from tidegate import Client
from tidegate.store import read_server

Wait = Callable[..., None]


def half_a_request(url: str) -> socket.socket:
    """A connection whose request is under way and never becomes whole."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    head = "POST /v1/endpoints/flight/score HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"
    connection.sendall(head.encode())
    return connection


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_leaves_nothing(
    served_home: Path, serve: Servers, number: signal.Signals
) -> None:
    server = serve(served_home)
    assert server.end(number) == 0
    assert read_server(served_home) is None
    assert not Path(f"/proc/{server.ready.scoring_pid}").exists()
    again = serve(served_home)
    assert again.ready.scoring_pid != server.ready.scoring_pid


def test_a_second_signal_ends_at_once(served_home: Path, serve: Servers, wait_until: Wait) -> None:
    server = serve(served_home)
    with half_a_request(server.ready.data):
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: '"draining"' in (served_home / "scoring.log").read_text())
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate(timeout=10)
    assert server.process.returncode == 1
    wait_until(lambda: not Path(f"/proc/{server.ready.scoring_pid}").exists())


def test_no_request_fails_while_traffic_moves(served_home: Path, serve: Servers) -> None:
    server = serve(served_home)
    done = threading.Event()
    statuses: list[int] = []
    generations: set[int] = set()

    def ask() -> None:
        with httpx.Client(base_url=server.ready.data, trust_env=False) as http:
            while not done.is_set():
                answer = http.post("/v1/endpoints/flight/score", json={"records": rows(1)})
                statuses.append(answer.status_code)
                generations.add(answer.json().get("generation", 0))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    with Client(home=served_home) as client:
        plans = [{"1": 1.0}, {"2": 1.0}, {"1": 0.3, "2": 0.7}, {"1": 0.5, "2": 0.5}]
        last = [client.set_traffic("flight", plan)["generation"] for plan in plans][-1]
        assert client.score("flight", rows(1))["generation"] == last
    done.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert len(generations) >= 2


def test_the_scoring_process_holds_no_lock_and_no_pipe_of_control(served_home: Path, serve: Servers) -> None:
    server = serve(served_home)
    descriptors = Path(f"/proc/{server.ready.scoring_pid}/fd")
    targets = {str(link.readlink()) for link in descriptors.iterdir()}
    assert str(served_home / "lock") not in targets
    assert str(served_home / "registry.db") not in targets
    modules = Path(f"/proc/{server.ready.scoring_pid}/maps").read_text()
    assert "libonnxruntime.so" in modules
    assert "onnxruntime_pybind11_state" not in modules
