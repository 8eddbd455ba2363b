"""The control process: holds the home, supervises scoring, serves the management API, seals, steers."""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
import uvicorn

from tidegate.errors import PortInUseError, TidegateError
from tidegate.gateway.app import create_app
from tidegate.gateway.denials import Denials
from tidegate.gateway.scoring import scoring_settings
from tidegate.installation import Installation, open_home
from tidegate.installation.rollback import put_away
from tidegate.serving import Announcements, ScoringKeys, Supervisor, ports
from tidegate.serving.blame import Suspect
from tidegate.store import ProcessRef, ServerInfo
from tidegate.types import SegmentInfo, Value

SEAL_SECONDS = 30.0
"""Between two looks for segments that nobody writes any more."""
DENIAL_SECONDS = 10.0
"""Between two looks at whom scoring refused."""
CONTROL = "control"
"""The principal of what the control process does by itself."""

log = structlog.get_logger()


class Ready(Value):
    """What a server says once it serves."""

    home: str
    data: str
    admin: str
    control: str
    pid: int
    scoring_pid: int


class Control:
    """One ``tidegate serve``."""

    def __init__(self, home: Path | None = None, flags: Mapping[str, Any] | None = None) -> None:
        self._home = home
        self._flags = flags
        self._server: _Server | None = None
        self._announcements: Announcements | None = None
        self._supervisor: Supervisor | None = None

    def run(self, on_ready: Callable[[Ready], None], *, until: Callable[[], None] | None = None) -> bool:
        """Serves until SIGTERM or SIGINT, or until ``until`` returned; True when no request was cut.

        ``on_ready`` is called once both ports answer. A second signal ends everything at once.
        """
        with ExitStack() as stack, self._signals():
            installation = stack.enter_context(open_home(self._home, flags=self._flags))
            before = installation.home.server()
            listener = stack.enter_context(_listen(installation, before))
            supervisor, announcements = self._supervisor_of(installation, listener)
            drained = False
            try:
                supervisor.start(before)
                installation.serving = supervisor
                self._server = _Server(
                    installation, announcements, lambda: on_ready(ready(installation)), until
                )
                often = installation.settings.steer_seconds
                denials = Denials(installation)
                with (
                    repeated("sealing", SEAL_SECONDS, lambda: seal_finished(installation)),
                    repeated("steering", often, lambda: steer_mature(installation)),
                    repeated("denials", DENIAL_SECONDS, lambda: denials.record(supervisor.status())),
                ):
                    self._server.run(sockets=[listener])
            finally:
                installation.serving = None
                drained = supervisor.stop()
                if supervisor.about()["pid"] is not None:
                    installation.home.clear_server()
            return drained

    def _supervisor_of(
        self, installation: Installation, listener: socket.socket
    ) -> tuple[Supervisor, Announcements]:
        home = installation.home
        control_port = int(listener.getsockname()[1])
        announcements = Announcements(home.deployments)

        def remember(scoring: ProcessRef) -> None:
            data_host, port = ports.parse(supervisor.settings["listen"])
            host, admin_port = ports.parse(supervisor.settings["admin"])
            home.write_server(
                ServerInfo(
                    control=ProcessRef.of(),
                    scoring=scoring,
                    host=host,
                    data_host=data_host if data_host != host else None,
                    tls=supervisor.settings.get("tls") is not None,
                    port=port,
                    admin_port=admin_port,
                    control_port=control_port,
                    started_at=datetime.now(UTC),
                )
            )

        def record(action: str, detail: dict[str, Any]) -> None:
            try:
                with installation.database.transaction():
                    installation.audit.append(CONTROL, action, f"process:{detail['pid']}", detail)
            except TidegateError as error:
                log.error("not in the audit log", action=action, error=str(error))  # noqa: TRY400

        def condemn(who: Suspect, detail: dict[str, Any]) -> None:
            reason = f"it crashed the scoring process twice: {detail['ending']}"
            put = partial(put_away, installation, who.digest, reason, detail)
            # Who holds the plans now waits for the scoring process, which must come back for that.
            if not installation.rolling.acquire(blocking=False):
                threading.Thread(target=put, name="quarantine", daemon=True).start()
                return
            try:
                put()
            finally:
                installation.rolling.release()

        ScoringKeys(installation.access.scoring_table).keep(installation.home.root)
        supervisor = Supervisor(
            scoring_settings(installation, control_port),
            announcements,
            remember=remember,
            record=record,
            condemn=condemn,
        )
        self._announcements, self._supervisor = announcements, supervisor
        return supervisor, announcements

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGTERM, signal.SIGINT)}
        # A terminal that goes away is no wish to end.
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        if self._server is None:
            raise SystemExit(128 + number)
        if self._server.should_exit:
            if self._supervisor is not None:
                self._supervisor.kill()
            os._exit(1)
        self._server.leave()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: they would end the process before scoring has drained."""

    def __init__(
        self,
        installation: Installation,
        announcements: Announcements,
        on_started: Callable[[], None],
        until: Callable[[], None] | None,
    ) -> None:
        self._keys = ScoringKeys(installation.access.scoring_table)
        app = create_app(installation, announcements, self._keys)
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=math.ceil(installation.settings.drain_seconds),
            )
        )
        self._announcements = announcements
        self._on_started = on_started
        self._until = until

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the handlers of :class:`Control` in place."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells that it serves, once it does."""
        await super().startup(sockets)
        self._on_started()
        if self._until is not None:
            threading.Thread(target=self._run_until, args=(self._until,), daemon=True).start()

    def leave(self) -> None:
        """Stops accepting and sends long polls home."""
        self.should_exit = True
        self._announcements.close()
        self._keys.close()

    def _run_until(self, until: Callable[[], None]) -> None:
        try:
            until()
        finally:
            self.leave()


def ready(installation: Installation) -> Ready:
    """The addresses of a running server."""
    info = installation.home.server()
    if info is None or info.scoring is None:
        raise PortInUseError("the server's own server.json is gone")
    return Ready(
        home=str(installation.home.root),
        data=info.data,
        admin=info.url(info.admin_port),
        control=info.url(info.control_port),
        pid=info.control.pid,
        scoring_pid=info.scoring.pid,
    )


def _listen(installation: Installation, before: ServerInfo | None) -> socket.socket:
    """The management API's socket; with port 0 the one that a survivor follows, if it is free."""
    settings = installation.settings
    survives = before is not None and before.scoring is not None and before.scoring.alive()
    if settings.control_port == 0 and before is not None and survives:
        try:
            return ports.bind(ports.join(settings.inner_host, before.control_port))
        except PortInUseError:
            log.warning("the port that the scoring process follows is taken", port=before.control_port)
    return ports.bind(ports.join(settings.inner_host, settings.control_port))


@contextmanager
def repeated(name: str, seconds: float, run: Callable[[], None]) -> Iterator[None]:
    """Runs ``run`` every so many seconds in the background; what it raises is logged, and it runs again.

    With 0 seconds it never runs.
    """
    if not seconds:
        yield
        return
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(seconds):
            try:
                run()
            except Exception:
                log.exception("failed in the background", work=name)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def steer_mature(installation: Installation) -> None:
    """Judges the panes of outcomes that became mature, wherever a policy asks for it."""
    from tidegate.installation.ladders import steer_all

    steer_all(installation)


def seal_finished(installation: Installation) -> None:
    """Rewrites what nobody writes any more as Parquet and records each file's digest."""
    from tidegate.monitoring.sealing import SealedFile, seal

    def record(file: SealedFile) -> None:
        kind, endpoint = file.path.split("/")[:2]
        segment = SegmentInfo.model_validate(
            {
                "path": file.path,
                "kind": kind,
                "endpoint": endpoint,
                "sha256": file.sha256,
                "rows": file.rows,
                "sample": file.sample,
                "created_at": datetime.now(UTC),
            }
        )
        installation.registry.segments.seal(segment, principal=CONTROL)

    seal(installation.home.root, record)
    remove_expired(installation)


def remove_expired(installation: Installation) -> None:
    """Removes the sealed predictions that the log policies let go; manifest and audit trail say so first."""
    from tidegate.monitoring.retention import expired

    registry, root = installation.registry, installation.home.root
    for endpoint in registry.endpoints.all():
        policy = registry.log_policies.newest(endpoint.id)
        if policy.retain_days is None and policy.retain_bytes is None:
            continue
        kept = registry.segments.kept("predictions", endpoint.name)
        for segment, reason in expired(root, kept, policy, installation.clock()):
            registry.segments.remove(segment, reason=reason, principal=CONTROL)
            (root / segment.path).unlink(missing_ok=True)
