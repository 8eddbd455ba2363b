"""The key table of the scoring port, and the coroutines that wait for another one than they have."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.store.files import write_atomically

FILE = "scoring-keys.json"
"""In the home; the scoring process keeps its newest table there too."""


class ScoringKeys:
    """Hands out the table that ``read`` makes; any thread may say that it changed."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closed = False

    def keep(self, home: Path) -> None:
        """Writes the table where a scoring process finds it at its start, before it can ask."""
        write_atomically(home / FILE, self._table(), 0o600)

    def changed(self) -> None:
        """Wakes everyone who waits; who has the present table already goes on waiting."""
        with self._lock:
            waiters = list(self._waiters)
        for loop, event in waiters:
            loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Sends every waiter away; later ones don't wait."""
        self._closed = True
        self.changed()

    async def other(self, known: str, wait: float) -> bytes | None:
        """The table once its digest is not ``known``; None when ``wait`` seconds passed."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiters.add(waiter)
        try:
            end = asyncio.get_running_loop().time() + wait
            while True:
                waiter[1].clear()
                table = await asyncio.to_thread(self._table)
                if digest(table) != known:
                    return table
                if self._closed:
                    return None
                async with asyncio.timeout_at(end):
                    await waiter[1].wait()
        except TimeoutError:
            return None
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def _table(self) -> bytes:
        return json.dumps(self._read(), separators=(",", ":")).encode()


def digest(table: bytes) -> str:
    """What tells one table from another."""
    return f"sha256:{hashlib.sha256(table).hexdigest()}"
