"""Finished segments become Parquet files, whose digests the registry keeps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import structlog

from tidegate.errors import InternalError, InvalidInputError
from tidegate.monitoring.segments import GROWING, SEALED, finished, growing, read_growing
from tidegate.types import Value

log = structlog.get_logger()

SPOOLS = ("predictions", "labels", "drift")


class SealedFile(Value):
    """A sealed segment, as the registry's manifest keeps it."""

    path: str
    """Relative to the home."""
    sha256: str
    rows: int
    sample: float | None = None
    """The smallest share of requests that was logged while it was written; None where nothing is sampled."""
    torn_bytes: int = 0
    """Bytes of a batch that the writer did not finish; its rows are not in the file."""


def seal(home: Path, record: Callable[[SealedFile], None]) -> list[SealedFile]:
    """Rewrites every finished segment of the home's spools as Parquet and hands it to ``record``.

    The file is complete and durable under its name before ``record`` sees it, and the segment is removed
    after ``record`` returns. After a crash in between, the next call records the same file again: ``record``
    must bear that.
    """
    done = []
    for spool in SPOOLS:
        for folder in sorted(path for path in (home / spool).glob("*") if path.is_dir()):
            for left in sorted(folder.glob(f"*{GROWING}")):
                target = left.with_suffix(SEALED)
                if target.exists():  # sealed before, and not yet removed
                    done.append(
                        _describe(home, target, pl.scan_parquet(target).select(pl.len()).collect().item())
                    )
                    record(done[-1])
                    left.unlink()
            for segment in finished(growing(folder)):
                try:
                    sealed = _seal(home, segment.path)
                except InvalidInputError:
                    log.exception("a damaged segment is not sealed", file=str(segment.path))
                    continue
                if sealed is not None:
                    done.append(sealed)
                    record(sealed)
                segment.path.unlink()
    return done


def _seal(home: Path, source: Path) -> SealedFile | None:
    """The Parquet twin of a segment; None when the segment has no whole batch."""
    frame, torn = read_growing(source)
    if frame is None or not frame.height:
        return None
    target = source.with_suffix(SEALED)
    temporary = source.with_suffix(".tmp")
    with temporary.open("wb") as file:
        frame.write_parquet(file, compression="zstd", statistics=True)
        file.flush()
        os.fsync(file.fileno())
    if pl.scan_parquet(temporary).select(pl.len()).collect().item() != frame.height:
        raise InternalError(f"{temporary.name} does not have the {frame.height} rows of its segment")
    temporary.rename(target)
    _sync_folder(target.parent)
    return _describe(home, target, frame.height, torn)


def _describe(home: Path, path: Path, rows: int, torn: int = 0) -> SealedFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return SealedFile(
        path=path.relative_to(home).as_posix(),
        sha256=digest,
        rows=rows,
        sample=_sample(path),
        torn_bytes=torn,
    )


def _sample(path: Path) -> float | None:
    frame = pl.scan_parquet(path)
    if "sample" not in frame.collect_schema().names():
        return None
    share: float | None = frame.select(pl.col("sample").min()).collect().item()
    return share if share is not None and share < 1 else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
