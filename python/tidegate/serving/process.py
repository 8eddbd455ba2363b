"""One scoring process: started, found again after a crash of control, watched, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tidegate.store import ProcessRef

LAUNCHER = "import sys; from tidegate._native import serve; sys.exit(serve(sys.stdin.read()))"
"""All that the scoring process runs: it imports the extension and nothing else of ours."""


class ScoringProcess:
    """A running scoring process, a child of this one or one that an earlier control left behind."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self._child = child
        self._pidfd = os.pidfd_open(pid)

    @classmethod
    def spawn(cls, settings: dict[str, Any], log: Path, launcher: str = LAUNCHER) -> ScoringProcess:
        """Starts one in a session of its own, so that it outlives control; it logs to ``log``.

        Without telemetry: ONNX Runtime else keeps a database in the user's cache and sends it away.
        """
        with log.open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-P", "-c", launcher],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | {"ORT_DISABLE_TELEMETRY": "1"},
            )
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
                pipe.write(json.dumps(settings).encode())
        return cls(child.pid, child)

    @classmethod
    def adopt(cls, ref: ProcessRef) -> ScoringProcess | None:
        """The process of that name, or None when it is gone."""
        try:
            process = cls(ref.pid, None)
        except ProcessLookupError:
            return None
        # Looked at after the descriptor was opened: the two are about the same process.
        if ref.alive():
            return process
        process.close()
        return None

    def wait(self, seconds: float | None, wake: int | None = None) -> bool:
        """True once it has ended; False when ``seconds`` passed or descriptor ``wake`` became readable."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if wake is not None:
            poll.register(wake, select.POLLIN)
        ready = poll.poll(None if seconds is None else int(seconds * 1000))
        return any(descriptor == self._pidfd for descriptor, _ in ready)

    def ending(self) -> str:
        """How it ended, in words; only asked after :meth:`wait` said so."""
        if self._child is None:
            return "ended"
        code = self._child.wait()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def signalled(self) -> int | None:
        """The signal that ended it; None when it ended otherwise, or is no child of this process."""
        code = None if self._child is None else self._child.wait()
        return -code if code is not None and code < 0 else None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to this very process, never to a later one of the same pid."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def stop(self, drain_seconds: float) -> bool:
        """Asks it to drain, waits, kills what is left; True when it drained."""
        self.signal(signal.SIGTERM)
        drained = self.wait(drain_seconds)
        if not drained:
            self.signal(signal.SIGKILL)
            self.wait(5)
        if self._child is not None:
            self._child.wait()
        return drained

    def close(self) -> None:
        """Gives the descriptor back; the process goes on."""
        os.close(self._pidfd)
