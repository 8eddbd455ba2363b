"""The servers that are measured, each in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benches.environments import ROOT, MissingPeerError, clean, python
from tidegate.serving.ports import reserve
from tidegate.serving.process import LAUNCHER
from tidegate.serving.runtime import library

START_SECONDS = 90.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Serving:
    """A server that answers at ``address``; its processes are ``pid`` and all below it."""

    address: str
    pid: int
    ready_seconds: float = 0.0

    def processes(self) -> list[int]:
        """``pid`` and its descendants."""
        found = [self.pid]
        for pid in found:
            for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += [int(child) for child in tasks.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """Processor time that the processes have used, all threads, to the nanosecond."""
        total = 0.0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                total += time.clock_gettime(_cpu_clock(pid))
        return total

    def resident_bytes(self) -> int:
        """Memory that the processes hold."""
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return total * os.sysconf("SC_PAGE_SIZE")


def _cpu_clock(pid: int) -> int:
    """The clock of a process's processor time, as ``clock_getcpuclockid`` makes it."""
    return (~pid << 3) | 2


@contextlib.contextmanager
def tidegate(home: Path, **settings: Any) -> Iterator[Serving]:
    """Our scoring process over ``home``, with its logs and counters on."""
    listen, admin = reserve("127.0.0.1:0", "127.0.0.1:0")
    given = {"home": str(home), "library": str(library()), "listen": listen, "admin": admin, **settings}
    log = home / "scoring.log"
    with _process(
        [sys.executable, "-P", "-c", LAUNCHER], log, os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    ) as process:
        began = time.monotonic()
        assert process.stdin is not None
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        _until_ready(process, log, lambda: _get(f"http://{admin}/v2/health/ready"))
        yield Serving(listen, process.pid, time.monotonic() - began)


@contextlib.contextmanager
def peer(
    name: str, onnx: Path, *more: str, path: str | None = None, body: bytes = b"", module: str | None = None
) -> Iterator[Serving]:
    """The peer of ``benches/peers/<name>.py`` once ``path`` answers ``body``, or its port is open."""
    interpreter = python(name)
    (address,) = reserve("127.0.0.1:0")
    port = address.rpartition(":")[2]
    log = onnx.with_name(f"{name}.log")
    command = [str(interpreter), "-m", module or f"benches.peers.{name}", str(onnx), port, *more]
    environment = clean() | {"PYTHONPATH": str(ROOT), "PATH": f"{interpreter.parent}:{os.environ['PATH']}"}
    with _process(command, log, environment) as process:
        began = time.monotonic()
        url = f"http://{address}{path}"
        _until_ready(process, log, lambda: _post(url, body) if path else _open(address))
        yield Serving(address, process.pid, time.monotonic() - began)


@contextlib.contextmanager
def _process(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, which ends with all that it started."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        family = Serving("", process.pid).processes()
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _until_ready(process: subprocess.Popen[bytes], log: Path, ready: Any) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            raise MissingPeerError(f"did not start: {lines[-1] if lines else 'it said nothing'}")
        time.sleep(0.01)


def _get(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=1, trust_env=False).is_success
    return False


def _post(url: str, body: bytes) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        headers = {"content-type": "application/json"}
        return httpx.post(url, content=body, headers=headers, timeout=10, trust_env=False).is_success
    return False


def _open(address: str) -> bool:
    import socket

    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False
