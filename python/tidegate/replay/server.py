"""`tidegate serve` as a process of its own, started as an operator starts it and stopped by its pid."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tidegate.errors import PortInUseError, UnavailableError
from tidegate.serving import ports
from tidegate.store.server_file import ServerInfo, read_server

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_DEFAULT_PORTS = {"--port": 8000, "--admin-port": 8002, "--control-port": 8010}
_POLL_SECONDS = 0.05


class Server:
    """A server of ``home`` within a ``with`` block; leaving the block stops it, whatever happened."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._log = home / "serve.log"
        self._admin = httpx.Client(timeout=10, trust_env=False)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tidegate", "serve", "--home", str(self.home), *_port_flags()]
        with self._log.open("wb") as log:
            # Its own session: Ctrl-C reaches the replay alone, which then stops the server in order.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.info = self._until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The control process."""
        return self._process.pid

    @property
    def data_address(self) -> str:
        """``host:port`` of gRPC and REST."""
        return self.info.data.removeprefix("http://")

    def status(self) -> dict[str, Any]:
        """The scoring process's own account of itself."""
        found: dict[str, Any] = self._get("/status").json()
        return found

    def counts(self, endpoint: str) -> bytes:
        """The drift counts up to now, as an Arrow IPC stream."""
        return self._get(f"/drift/{endpoint}").content

    def stop(self) -> None:
        """Ends the server in order, by its pid; a second call does nothing."""
        self._admin.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _get(self, path: str) -> httpx.Response:
        answer = self._admin.get(f"{self.info.url(self.info.admin_port)}{path}")
        if answer.status_code != 200:
            raise UnavailableError(
                f"the server answered {answer.status_code} to GET {path}: {answer.text[:200]}"
            )
        return answer

    def _until_ready(self) -> ServerInfo:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise UnavailableError(f"tidegate serve ended at once: {self._last_words()}")
            info = read_server(self.home)
            if info is not None and info.control.pid == self._process.pid and self._is_ready(info):
                return info
            time.sleep(_POLL_SECONDS)
        raise UnavailableError(
            f"tidegate serve was not ready after {START_SECONDS:.0f} s: {self._last_words()}"
        )

    def _is_ready(self, info: ServerInfo) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            scoring = self._admin.get(f"{info.url(info.admin_port)}/v2/health/ready")
            control = self._admin.get(f"{info.url(info.control_port)}/v1/health")
            return scoring.status_code == 200 and control.status_code == 200
        return False

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1][-400:] if lines else "it said nothing"


def _port_flags() -> list[str]:
    """The default ports where they are free, else free ones."""
    return [part for flag, port in _DEFAULT_PORTS.items() for part in (flag, str(_free(port)))]


def _free(port: int) -> int:
    try:
        ports.reserve(f"127.0.0.1:{port}")
    except PortInUseError:
        return 0
    return port
