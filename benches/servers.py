"""The two servers that are measured, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tidegate.serving.ports import reserve
from tidegate.serving.process import LAUNCHER
from tidegate.serving.runtime import library

START_SECONDS = 30.0


@dataclass(frozen=True)
class Serving:
    """A server that answers at ``address``."""

    address: str
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time that the process has used, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def tidegate(home: Path) -> Iterator[Serving]:
    """Our scoring process over ``home``, with its logs and counters on."""
    listen, admin = reserve("127.0.0.1:0", "127.0.0.1:0")
    settings = {"home": str(home), "library": str(library()), "listen": listen, "admin": admin}
    with _process([sys.executable, "-P", "-c", LAUNCHER], home / "scoring.log") as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings).encode())
        process.stdin.close()
        end = time.monotonic() + START_SECONDS
        while not _ready(f"http://{admin}/v2/health/ready"):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the scoring process did not start: {(home / 'scoring.log').read_text()}")
            time.sleep(0.05)
        yield Serving(listen, process.pid)


@contextlib.contextmanager
def grpcio(onnx: Path) -> Iterator[Serving]:
    """The peer of :mod:`benches.peer`."""
    command = [sys.executable, "-m", "benches.peer", str(onnx)]
    with _process(command, onnx.with_suffix(".log")) as process:
        assert process.stdout is not None
        port = process.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError(f"the peer did not start: {onnx.with_suffix('.log').read_text()}")
        yield Serving(f"127.0.0.1:{port}", process.pid)


@contextlib.contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=1, trust_env=False).is_success
    return False
