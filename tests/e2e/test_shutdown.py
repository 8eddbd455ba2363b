"""Ends and changes of a server while requests are under way."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tests.e2e.servers import Servers, rows

import tidegate
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


def test_a_signal_under_load_cuts_nothing(served_home: Path, serve: Servers, wait_until: Wait) -> None:
    """Health says it first; what is under way is answered; later ones are turned away, not broken off."""
    server = serve(served_home)
    body = json.dumps({"records": rows(1)}).encode()
    head = f"POST /v1/endpoints/flight/score HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    host, port = server.ready.data.removeprefix("http://").rsplit(":", 1)
    with ExitStack() as stack:
        under_way = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(20)
        ]
        for connection in under_way:
            connection.sendall(head.encode() + body[:1])
        with httpx.Client(base_url=server.ready.data, trust_env=False) as http:
            assert http.get("/v2/health/ready").status_code == 200
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: '"draining"' in (served_home / "scoring.log").read_text())
            admin = httpx.get(f"{server.ready.admin}/v2/health/ready", trust_env=False)
            assert admin.status_code == 503
        for connection in under_way:
            connection.sendall(body[1:])
        answers = [connection.makefile("rb").readline() for connection in under_way]
    assert set(answers) == {b"HTTP/1.1 200 OK\r\n"}
    server.process.communicate(timeout=60)
    assert server.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGPIPE])
def test_hangups_and_broken_pipes_end_nothing(
    served_home: Path, serve: Servers, number: signal.Signals
) -> None:
    server = serve(served_home)
    os.kill(server.ready.scoring_pid, number)
    server.process.send_signal(number)
    with Client(home=served_home) as client:
        assert client.score("flight", rows(1))["rows"] == 1
        assert client.status()["server"]["restarts"] == 0
    assert server.end() == 0


def test_a_second_signal_ends_scoring_at_once(served_home: Path, serve: Servers, wait_until: Wait) -> None:
    server = serve(served_home)
    with half_a_request(server.ready.data):
        server.process.kill()
        server.process.communicate()
        pidfd = os.pidfd_open(server.ready.scoring_pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
            wait_until(lambda: '"draining"' in (served_home / "scoring.log").read_text())
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
            assert select.select([pidfd], [], [], 10.0)[0]
        finally:
            os.close(pidfd)
    assert '"stopped"' not in (served_home / "scoring.log").read_text()


def test_scoring_goes_on_and_starts_without_control(served_home: Path, serve: Servers) -> None:
    server = serve(served_home)
    body = {"records": rows(1)}
    server.process.kill()
    server.process.communicate()
    answer = httpx.post(f"{server.ready.data}/v1/endpoints/flight/score", json=body, trust_env=False)
    assert answer.json()["generation"] == 1
    again = serve(served_home)
    assert again.ready.scoring_pid == server.ready.scoring_pid
    with tidegate.Client(home=served_home) as client:
        assert client.set_traffic("flight", {"2": 1.0})["generation"] == 2
