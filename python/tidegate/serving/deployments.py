"""Deployment files: written whole or not at all, and handed to the processes that wait for a newer one."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

from tidegate.store.files import write_atomically


def write(folder: Path, deployment: dict[str, Any]) -> None:
    """Writes ``<generation>.json``, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps(deployment, separators=(",", ":"), ensure_ascii=False).encode()
    write_atomically(folder / f"{deployment['generation']}.json", data, 0o600)


def newest(folder: Path) -> tuple[int, bytes] | None:
    """Generation and bytes of the newest file, or None in a home that never published."""
    generations = [int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()]
    if not generations:
        return None
    latest = max(generations)
    return latest, (folder / f"{latest}.json").read_bytes()


class DeploymentFiles:
    """The publisher of a home without a server: the next scoring process starts from the newest file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, deployment: dict[str, Any]) -> None:
        """Writes the file."""
        write(self.folder, deployment)


class Announcements:
    """The newest deployment, and the coroutines that wait for a newer one; any thread may announce."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closed = False
        self._current = newest(folder)

    def announce(self, deployment: dict[str, Any]) -> None:
        """Writes the file, then wakes everyone who waits."""
        write(self._folder, deployment)
        self._wake(current=newest(self._folder))

    def close(self) -> None:
        """Sends every waiter away with what there is; later ones don't wait."""
        self._closed = True
        self._wake(current=self._current)

    async def newer(self, after: int, wait: float) -> bytes | None:
        """The newest deployment once its generation is above ``after``; None when ``wait`` seconds passed."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            found = self._above(after)
            if found is not None or self._closed or wait <= 0:
                return found
            self._waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter[1].wait(), wait)
        except TimeoutError:
            return None
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        return self._above(after)

    def _above(self, after: int) -> bytes | None:
        if self._current is None or self._current[0] <= after:
            return None
        return self._current[1]

    def _wake(self, current: tuple[int, bytes] | None) -> None:
        with self._lock:
            self._current = current
            waiters = list(self._waiters)
        for loop, event in waiters:
            loop.call_soon_threadsafe(event.set)
