"""Segments: sealed spool files, each with the sha256 that its bytes must have."""

from __future__ import annotations

from pathlib import PurePosixPath

from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.ledger import Ledger
from tidegate.types import SegmentInfo


class Segments:
    """The table ``segments``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def seal(self, segment: SegmentInfo, *, principal: str) -> SegmentInfo:
        """Records a sealed file; the same file again is fine, another content under its path a conflict."""
        path = PurePosixPath(segment.path)
        if path.is_absolute() or ".." in path.parts:
            raise InvalidInputError(f"not a path inside the home: {segment.path!r}")
        with self._ledger.database.transaction() as transaction:
            row = self._ledger.database.one("SELECT * FROM segments WHERE path = ?", [segment.path])
            if row is not None:
                if row["sha256"] != segment.sha256:
                    raise ConflictError(
                        f"{segment.path} is sealed with {row['sha256']}, not {segment.sha256}"
                    )
                return SegmentInfo.model_validate(row)
            transaction.insert("segments", {**segment.to_json(), "created_at": self._ledger.now()})
            self._ledger.audit.append(
                principal,
                "seal_segment",
                f"segment:{segment.path}",
                {"sha256": segment.sha256, "rows": segment.rows},
            )
        return segment

    def remove(self, segment: SegmentInfo, *, reason: str, principal: str) -> None:
        """Records that a file is removed, before it is; the manifest keeps what it was."""
        now = self._ledger.now()
        with self._ledger.database.transaction() as transaction:
            transaction.execute("UPDATE segments SET removed_at = ? WHERE path = ?", [now, segment.path])
            self._ledger.audit.append(
                principal,
                "remove_segment",
                f"segment:{segment.path}",
                {"sha256": segment.sha256, "rows": segment.rows},
                reason,
            )

    def kept(self, kind: str, endpoint: str) -> list[SegmentInfo]:
        """The sealed files of an endpoint that retention did not remove."""
        return [segment for segment in self.all(kind, endpoint) if segment.removed_at is None]

    def all(self, kind: str, endpoint: str) -> list[SegmentInfo]:
        """The sealed files of an endpoint, oldest first."""
        rows = self._ledger.database.query(
            "SELECT * FROM segments WHERE kind = ? AND endpoint = ? ORDER BY time_from, path",
            [kind, endpoint],
        )
        return [SegmentInfo.model_validate(row) for row in rows]
