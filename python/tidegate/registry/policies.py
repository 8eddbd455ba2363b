"""Policies: how an endpoint's traffic is steered; the newest of an endpoint holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.registry.ledger import Ledger
from tidegate.store.connection import Row
from tidegate.types import PolicyInfo


class Policies:
    """The table ``policies``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def set(self, endpoint: str, body: Mapping[str, Any], *, principal: str, reason: str = "") -> PolicyInfo:
        """Keeps a policy as the newest of the endpoint with the id ``endpoint``."""
        with self._ledger.database.transaction() as transaction:
            row: Row = {
                "id": self._next(),
                "endpoint": endpoint,
                "body": json.dumps(dict(body), sort_keys=True),
                "reason": reason,
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("policies", row)
            self._ledger.audit.append(
                principal,
                "set_policy",
                f"endpoint:{endpoint}",
                {"policy": row["id"], "body": dict(body)},
                reason,
            )
        return _info(row)

    def newest(self, endpoint: str) -> PolicyInfo | None:
        """The policy that holds for an endpoint; None when it never had one."""
        row = self._ledger.database.one(
            "SELECT * FROM policies WHERE endpoint = ? ORDER BY id DESC LIMIT 1", [endpoint]
        )
        return None if row is None else _info(row)

    def all(self, endpoint: str) -> list[PolicyInfo]:
        """The policies that an endpoint has had, oldest first."""
        rows = self._ledger.database.query(
            "SELECT * FROM policies WHERE endpoint = ? ORDER BY id", [endpoint]
        )
        return [_info(row) for row in rows]

    def _next(self) -> int:
        return int(self._ledger.database.query("SELECT coalesce(max(id), 0) + 1 AS n FROM policies")[0]["n"])


def _info(row: Row) -> PolicyInfo:
    return PolicyInfo.model_validate({**row, "body": json.loads(row["body"])})
