"""The files of a spool folder: growing Arrow IPC stream segments and the Parquet files that they become."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

GROWING = ".arrows"
SEALED = ".parquet"

_NAME = re.compile(r"(?P<start>\d{8}T\d{6})-(?P<pid>\d+)-(?P<number>\d+)")


@dataclass(frozen=True, order=True)
class Segment:
    """A growing segment, ``<UTC start>-<pid of the writer>-<number>.arrows``; they sort as written."""

    pid: int
    start: str
    number: int
    path: Path


def growing(folder: Path) -> list[Segment]:
    """The growing segments of a folder that have no sealed twin yet, by writer and age."""
    found = []
    for path in folder.glob(f"*{GROWING}"):
        match = _NAME.fullmatch(path.stem)
        if match and not path.with_suffix(SEALED).exists():
            found.append(Segment(int(match["pid"]), match["start"], int(match["number"]), path))
    return sorted(found)


def finished(segments: list[Segment]) -> list[Segment]:
    """Those that nobody writes any more: not the newest of their writer, or the writer is gone.

    The number of a process that lives again as another program keeps its newest segment growing a little
    longer; nothing else depends on it.
    """
    newest = {segment.pid: segment for segment in segments}
    return [segment for segment in segments if segment is not newest[segment.pid] or not _alive(segment.pid)]


def read_growing(path: Path) -> tuple[pl.DataFrame | None, int]:
    """The whole record batches of a growing segment and the length of its torn tail in bytes.

    A tail is torn while its batch is being written, and stays so when the writer was killed. The frame is
    None when not even the schema is whole.

    Raises:
        FileNotFoundError: it was sealed meanwhile.
        InvalidInputError: it is no Arrow IPC stream.

    """
    from tidegate._native import recover

    length, _ = recover(str(path))
    with path.open("rb") as file:
        data = file.read(length)
        torn = os.fstat(file.fileno()).st_size - length
    return (pl.read_ipc_stream(io.BytesIO(data)) if data else None), torn


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
