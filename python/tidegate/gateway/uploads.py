"""Request bodies that become files: streamed to the disk, never held in memory."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from fastapi.concurrency import run_in_threadpool


@asynccontextmanager
async def received(request: Request, folder: Path) -> AsyncIterator[Path]:
    """The body as a file in ``folder``, gone when the context ends."""
    path = folder / f"upload-{uuid.uuid4().hex}"
    try:
        with path.open("xb") as file:
            async for chunk in request.stream():
                await run_in_threadpool(file.write, chunk)
        yield path
    finally:
        path.unlink(missing_ok=True)
