"""Which sealed prediction files a log policy lets go: the oldest, by age and by bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from tidegate.types import LogPolicy, SegmentInfo


def expired(
    home: Path, segments: Iterable[SegmentInfo], policy: LogPolicy, now: datetime
) -> list[tuple[SegmentInfo, str]]:
    """The files to remove, oldest first, each with the reason; the age of a file is that of its sealing."""
    found = []
    left = sorted(segments, key=lambda segment: (segment.created_at, segment.path))
    sizes = {segment.path: _size(home / segment.path) for segment in left}
    total = sum(sizes.values())
    for segment in left:
        if policy.retain_days is not None and now - segment.created_at > timedelta(days=policy.retain_days):
            reason = f"older than {policy.retain_days:g} days"
        elif policy.retain_bytes is not None and total > policy.retain_bytes:
            reason = f"beyond {policy.retain_bytes} bytes"
        else:
            break
        found.append((segment, reason))
        total -= sizes[segment.path]
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
