"""Keeps one scoring process running, tells it of new deployments and knows how it is."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import structlog

from tidegate.errors import NotFoundError, PreconditionError, UnavailableError
from tidegate.serving import ports
from tidegate.serving.blame import CRASHES, Suspect, read_marks, suspect
from tidegate.serving.deployments import Announcements
from tidegate.serving.process import LAUNCHER, ScoringProcess
from tidegate.store import ProcessRef, ServerInfo

START_SECONDS = 30.0
"""How long a scoring process may take until it is ready, and a deployment until it is live."""
STEADY_SECONDS = 10.0
"""A process that lived this long is restarted at once; before one that died sooner the pause grows."""
LONGEST_PAUSE = 1.0
BROKEN_SECONDS = 2.0
"""How long a process may look for an older deployment that it can load, before control goes on without it."""
BLAME_SECONDS = 600.0
"""Two crashes by the same version within it are no accident."""
POLL_SECONDS = 0.02

log = structlog.get_logger()


class Supervisor:
    """Supervises the scoring process and implements the publisher protocol.

    ``settings`` are what the scoring process reads on its standard input (``listen``, ``admin``, ``control``,
    ``home``, ...). ``remember`` stores who runs, for a later control; ``record`` writes a crash into the
    audit trail; ``condemn`` is called between two lives with a version that crashed the process twice within
    ``BLAME_SECONDS``: what it publishes is what the next life starts from.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        announcements: Announcements,
        *,
        remember: Callable[[ProcessRef], None],
        record: Callable[[str, dict[str, Any]], None],
        condemn: Callable[[Suspect, dict[str, Any]], None] | None = None,
        launcher: str = LAUNCHER,
    ) -> None:
        self.settings = settings
        self.announcements = announcements
        self._remember = remember
        self._record = record
        self._condemn = condemn
        self._crashes: dict[str, float] = {}
        self._launcher = launcher
        self._home = Path(settings["home"])
        self._drain_seconds = float(settings.get("drain_seconds", 20))
        self._stopping = threading.Event()
        self._wake_reader, self._wake_writer = os.pipe()
        self._deaths = 0
        self._generation = 0
        self._process: ScoringProcess | None = None
        self._watcher: threading.Thread | None = None
        self._admin: httpx.Client | None = None

    @property
    def data(self) -> str:
        """The address that clients send requests to."""
        return str(self.settings["listen"])

    def start(self, before: ServerInfo | None = None) -> None:
        """Adopts the process that ``server.json`` remembers if it serves as wanted, else starts one.

        Returns when it is ready. Raises :class:`PortInUseError` before anything has started and
        :class:`UnavailableError` when it does not come up.
        """
        left = _left_behind(before)
        if left is not None and before is not None and _serves(before, self.settings):
            self.settings |= _addresses(before)
            self._process = left
            log.info("scoring process adopted", pid=left.pid)
        else:
            if left is not None:
                left.stop(self._drain_seconds)
                left.close()
            free = ports.reserve(self.settings["listen"], self.settings["admin"])
            self.settings |= dict(zip(("listen", "admin"), free, strict=True))
            self._process = self._spawn()
        self._admin = httpx.Client(base_url=f"http://{self.settings['admin']}", timeout=5, trust_env=False)
        self._note(self._process)
        try:
            self._until_ready(self._process)
        except BaseException:
            self._process.stop(0)
            raise
        self._watcher = threading.Thread(target=self._watch, name="scoring-watch", daemon=True)
        self._watcher.start()

    def publish(self, deployment: dict[str, Any]) -> None:
        """Makes ``deployment`` live: returns when the scoring process serves it, raises when it refuses."""
        generation, deaths = int(deployment["generation"]), self._deaths
        self.announcements.announce(deployment)
        if threading.current_thread() is self._watcher:
            return  # between two lives: the next one starts from it
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self._stopping.is_set():
            status = self.status()
            if status is not None and status["generation"] >= generation:
                return
            failed = (status or {}).get("failed")
            if failed and failed["generation"] == generation:
                raise PreconditionError(
                    f"generation {generation} was refused by the scoring process: {failed['error']}"
                )
            if self._deaths - deaths > 1:
                raise PreconditionError(
                    f"the scoring process died twice while it installed generation {generation}"
                )
            self._stopping.wait(POLL_SECONDS)
        raise UnavailableError(f"the scoring process did not confirm generation {generation}")

    def status(self) -> dict[str, Any] | None:
        """The scoring process's own account of itself, or None while it does not answer."""
        answer = self._ask("/status")
        if answer is None or answer.status_code != 200:
            return None
        found: dict[str, Any] = answer.json()
        self._generation = int(found["generation"])
        return found

    def until_gone(self, digest: str) -> None:
        """Returns when the scoring process says that it has the version no more; ``digest`` is the version's.

        Raises :class:`UnavailableError` when it has it still, or says nothing, after ``START_SECONDS``.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self._stopping.is_set():
            status = self.status()
            if status is not None and digest not in _digests(status):
                return
            self._stopping.wait(POLL_SECONDS)
        raise UnavailableError(f"the scoring process did not confirm that it let go of {digest}")

    def counts(self, endpoint: str) -> bytes:
        """The drift counts of an endpoint up to now, as an Arrow IPC stream."""
        answer = self._ask(f"/drift/{endpoint}")
        if answer is None:
            raise UnavailableError("the scoring process does not answer")
        if answer.status_code != 200:
            raise NotFoundError(f"the scoring process serves no endpoint {endpoint!r}")
        return answer.content

    def about(self) -> dict[str, Any]:
        """Addresses and pid, for ``status``."""
        process = self._process
        return {
            "data": f"{'https' if self.settings.get('tls') else 'http'}://{self.settings['listen']}",
            "admin": f"http://{self.settings['admin']}",
            "pid": process.pid if process is not None else None,
            "restarts": self._deaths,
        }

    def stop(self) -> bool:
        """Drains and stops the scoring process; True when nothing was cut."""
        self._stopping.set()
        os.write(self._wake_writer, b"x")
        if self._watcher is not None:
            self._watcher.join()
        drained = self._process.stop(self._drain_seconds + 5) if self._process is not None else True
        if self._process is not None:
            self._process.close()
        if self._admin is not None:
            self._admin.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
        return drained

    def kill(self) -> None:
        """Ends the scoring process at once; for a control process that ends at once itself."""
        self._stopping.set()
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    def _spawn(self) -> ScoringProcess:
        process = ScoringProcess.spawn(self.settings, self._home / "scoring.log", self._launcher)
        log.info("scoring process started", pid=process.pid, listen=self.settings["listen"])
        return process

    def _note(self, process: ScoringProcess) -> None:
        try:
            self._remember(ProcessRef.of(process.pid))
        except NotFoundError:
            log.warning("scoring process ended at once", pid=process.pid)

    def _ask(self, path: str) -> httpx.Response | None:
        if self._admin is None:
            return None
        try:
            return self._admin.get(path)
        except httpx.HTTPError:
            return None

    def _until_ready(self, process: ScoringProcess) -> None:
        deadline, hopeless = time.monotonic() + START_SECONDS, float("inf")
        while time.monotonic() < deadline:
            answer, status = self._ask("/v2/health/ready"), self.status()
            if answer is not None and answer.status_code == 200 and status is not None:
                return
            if status is not None and status.get("failed"):
                hopeless = min(hopeless, time.monotonic() + BROKEN_SECONDS)
            if time.monotonic() > hopeless:
                # Control must serve all the same: only with it can another plan be made.
                log.error(
                    "scoring serves nothing: no deployment can be loaded", failed=(status or {}).get("failed")
                )
                return
            if process.wait(POLL_SECONDS):
                raise UnavailableError(f"the scoring process {process.ending()}: {_last_line(self._home)}")
        raise UnavailableError(
            f"the scoring process was not ready after {START_SECONDS:.0f} s: {_last_line(self._home)}"
        )

    def _watch(self) -> None:
        born, pause = time.monotonic(), 0.0
        while self._process is not None:
            ended = self._process.wait(None, wake=self._wake_reader)
            if self._stopping.is_set() or not ended:
                return
            self._deaths += 1
            self._blame(self._process)
            self._process.close()
            steady = time.monotonic() - born > STEADY_SECONDS
            pause = 0.0 if steady or self._deaths == 1 else min(LONGEST_PAUSE, max(0.1, pause * 2))
            if self._stopping.wait(pause):
                self._process = None
                return
            born = time.monotonic()
            self._process = self._spawn()
            self._note(self._process)

    def _blame(self, process: ScoringProcess) -> None:
        """Writes down who is suspected of a death; condemns who is for the second time."""
        marks, folder = read_marks(self._home), self._home / "deployments"
        who, ending = suspect(folder, marks), process.ending()
        details = {
            "pid": process.pid,
            "ending": ending,
            "generation": self._generation,
            "ran": _versions(folder / f"{self._generation}.json"),
            "suspect": None if who is None else who.name,
            "certain": who is not None and who.certain,
        }
        log.error("scoring process died", **details)
        self._record("scoring.died", details)
        if who is None or not (marks.fatal or process.signalled() in CRASHES):
            return
        now = time.monotonic()
        again = now - self._crashes.get(who.digest, -BLAME_SECONDS) < BLAME_SECONDS
        self._crashes[who.digest] = now
        if again and self._condemn is not None:
            try:
                self._condemn(who, details)
            except Exception:  # whatever is wrong with it, scoring must come back
                log.exception("a version that crashes can't be put away", version=who.name)


def _left_behind(before: ServerInfo | None) -> ScoringProcess | None:
    if before is None or before.scoring is None:
        return None
    return ScoringProcess.adopt(before.scoring)


def _addresses(info: ServerInfo) -> dict[str, str]:
    listen = ports.join(info.data_host or info.host, info.port)
    return {"listen": listen, "admin": ports.join(info.host, info.admin_port)}


def _serves(before: ServerInfo, wanted: dict[str, Any]) -> bool:
    """Whether it stands where the settings want it (port 0 takes any), follows this control and answers."""
    for name, address in _addresses(before).items():
        (host, port), (has_host, has_port) = ports.parse(wanted[name]), ports.parse(address)
        if host != has_host or port not in (0, has_port):
            return False
    if wanted.get("control") != before.url(before.control_port):
        return False
    if (wanted.get("tls") is not None) != before.tls:
        return False
    try:
        answer = httpx.get(f"{before.url(before.admin_port)}/status", timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return before.scoring is not None and answer.is_success and answer.json().get("pid") == before.scoring.pid


def _digests(status: dict[str, Any]) -> set[str]:
    """The digests of all versions that a scoring process says it has."""
    return {variant["digest"] for endpoint in status["endpoints"] for variant in endpoint["variants"]}


def _versions(deployment: Path) -> list[str]:
    """``endpoint: model version`` of every variant of a deployment file."""
    try:
        endpoints = json.loads(deployment.read_bytes())["endpoints"]
    except (OSError, ValueError, KeyError):
        return []
    return [
        f"{endpoint['name']}: {variant['model']} {variant['version']}"
        for endpoint in endpoints
        for variant in endpoint["variants"]
    ]


def _last_line(home: Path) -> str:
    """The end of the scoring log, for an error at start."""
    try:
        lines = (home / "scoring.log").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it left no log"
