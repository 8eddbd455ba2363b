"""Servers as operators start them, and rows for the model ``mixed``."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tidegate.gateway import Ready
from tidegate.store import read_server

DATA = Path(__file__).parent.parent / "data"
READY_SECONDS = 60.0


class Server:
    """One ``tidegate serve``."""

    def __init__(self, home: Path, *flags: str) -> None:
        free = ("--port", "0", "--admin-port", "0", "--control-port", "0")
        command = [sys.executable, "-m", "tidegate", "serve", "--home", str(home), "--json", *(flags or free)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        line = self.process.stdout.readline() if ready and self.process.stdout else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"not ready: {self.process.communicate()[1]}")
        self.ready = Ready.model_validate(json.loads(line))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signals control and waits for it; the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=READY_SECONDS)
        return self.process.returncode


class Servers:
    """Starts servers, and ends what a test leaves running."""

    def __init__(self) -> None:
        self._started: list[Server] = []

    def __call__(self, home: Path, *flags: str) -> Server:
        self._started.append(Server(home, *flags))
        return self._started[-1]

    def end(self) -> None:
        for server in self._started:
            if server.process.poll() is None:
                server.end()
            else:
                server.process.communicate()
            for pid in {server.ready.scoring_pid, *_scoring_of(server)}:
                _kill(pid)


def _scoring_of(server: Server) -> list[int]:
    info = read_server(Path(server.ready.home))
    return [] if info is None or info.scoring is None or not info.scoring.alive() else [info.scoring.pid]


def _kill(pid: int) -> None:
    command = Path(f"/proc/{pid}/cmdline")
    if command.is_file() and b"tidegate._native" in command.read_bytes():
        os.kill(pid, signal.SIGKILL)


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows of the model ``mixed``, every seventh without a distance."""
    carriers = ("AA", "B6", "UA")
    return [
        {
            "carrier": carriers[number % 3],
            "distance": None if number % 7 == 3 else 100.0 + 10.0 * (number % 90),
            "hour": number % 24,
        }
        for number in range(start, start + count)
    ]
