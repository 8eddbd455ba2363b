"""Quarantines: versions that crashed the scoring process and may enter no plan until they are let go."""

from __future__ import annotations

from typing import Any

from tidegate.errors import PreconditionError
from tidegate.registry.ledger import Ledger
from tidegate.store.connection import Row

_SELECT = (
    "SELECT quarantines.*, versions.model, CAST(versions.number AS TEXT) AS version FROM quarantines "
    "JOIN versions ON versions.digest = quarantines.digest"
)


class Quarantines:
    """The table ``quarantines``; a version has at most one that is open."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, digest: str, reason: str, *, principal: str, detail: dict[str, Any]) -> Row:
        """Puts a version away; one that is away stays as it is."""
        with self._ledger.database.transaction() as transaction:
            known = self.open(digest)
            if known is not None:
                return known
            found = self._ledger.database.query("SELECT coalesce(max(id), 0) + 1 AS n FROM quarantines")
            row: Row = {
                "id": int(found[0]["n"]),
                "digest": digest,
                "reason": reason,
                "created_at": self._ledger.now(),
                "created_by": principal,
                "released_at": None,
                "released_by": None,
                "released_because": None,
            }
            transaction.insert("quarantines", row)
            self._ledger.audit.append(principal, "quarantine", f"version:{digest}", detail, reason)
        return row

    def release(self, digest: str, reason: str, *, principal: str) -> Row:
        """Lets a version go; :class:`PreconditionError` for one that is not away."""
        with self._ledger.database.transaction() as transaction:
            known = self.open(digest)
            if known is None:
                raise PreconditionError("the version is in no quarantine")
            row = known | {
                "released_at": self._ledger.now(),
                "released_by": principal,
                "released_because": reason,
            }
            transaction.execute(
                "UPDATE quarantines SET released_at = ?, released_by = ?, released_because = ? WHERE id = ?",
                [row["released_at"], principal, reason, row["id"]],
            )
            self._ledger.audit.append(
                principal, "release_version", f"version:{digest}", {"quarantine": row["id"]}, reason
            )
        return row

    def open(self, digest: str) -> Row | None:
        """The quarantine that a version is in; None for one that may serve."""
        return self._ledger.database.one(
            f"{_SELECT} WHERE quarantines.digest = ? AND released_at IS NULL", [digest]
        )

    def all(self) -> list[Row]:
        """All that are open, oldest first, with model and version."""
        return self._ledger.database.query(f"{_SELECT} WHERE released_at IS NULL ORDER BY quarantines.id")
