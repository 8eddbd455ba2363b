"""Decisions about traffic, each with everything that it rests on; they are added and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.registry.ledger import Ledger
from tidegate.store.connection import Row
from tidegate.types import Decision, Edge


class Decisions:
    """The table ``decisions``; each has an audit entry, and an edge to the deployment that it made."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(
        self,
        endpoint: str,
        *,
        at: str,
        rule: str,
        action: str,
        says: str,
        body: Mapping[str, Any],
        principal: str,
        generation: int | None = None,
        causes: tuple[str, ...] = (),
    ) -> Decision:
        """Keeps a decision about the endpoint with the id ``endpoint``.

        ``at`` is the event time up to which was looked, ``generation`` the deployment that it made,
        ``causes`` are the nodes of the lineage that it was made because of.
        """
        with self._ledger.database.transaction() as transaction:
            row: Row = {
                "id": self._next(),
                "endpoint": endpoint,
                "at": at,
                "rule": rule,
                "action": action,
                "says": says,
                "body": json.dumps(dict(body), sort_keys=True, allow_nan=False),
                "generation": generation,
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("decisions", row)
            node = f"decision:{row['id']}"
            edges = [Edge(subject=node, relation="because_of", object=cause) for cause in causes]
            if generation is not None:
                edges.append(Edge(subject=f"deployment:{generation}", relation="decided_by", object=node))
            self._ledger.lineage.link(edges)
            self._ledger.audit.append(
                principal,
                "decide",
                f"endpoint:{endpoint}",
                {"decision": row["id"], "rule": rule, "action": action, "generation": generation},
                says,
            )
        return _info(row)

    def newest(self, endpoint: str, at: str | None = None) -> Decision | None:
        """The last decision of an endpoint, or the last one that had looked no further than ``at``."""
        row = self._ledger.database.one(
            "SELECT * FROM decisions WHERE endpoint = ?1 AND (?2 IS NULL OR at <= ?2) "
            "ORDER BY id DESC LIMIT 1",
            [endpoint, at],
        )
        return None if row is None else _info(row)

    def mover(self, endpoint: str, at: str | None = None) -> Decision | None:
        """The last decision that changed traffic, up to ``at``."""
        row = self._ledger.database.one(
            "SELECT * FROM decisions WHERE endpoint = ?1 AND generation IS NOT NULL "
            "AND (?2 IS NULL OR at <= ?2) ORDER BY id DESC LIMIT 1",
            [endpoint, at],
        )
        return None if row is None else _info(row)

    def all(self, endpoint: str, since: str | None = None, *, holds: bool = True) -> list[Decision]:
        """The decisions of an endpoint, oldest first; without ``holds`` those that did something."""
        rows = self._ledger.database.query(
            "SELECT * FROM decisions WHERE endpoint = ?1 AND (?2 IS NULL OR at >= ?2) "
            "AND (?3 OR action <> 'hold') ORDER BY id",
            [endpoint, since, holds],
        )
        return [_info(row) for row in rows]

    def made(self, endpoint: str) -> dict[int, str]:
        """The deployments that decisions made: generation to rule."""
        rows = self._ledger.database.query(
            "SELECT generation, rule, action FROM decisions WHERE endpoint = ? AND generation IS NOT NULL",
            [endpoint],
        )
        return {
            int(row["generation"]): "taken_back" if row["action"] == "taken_back" else str(row["rule"])
            for row in rows
        }

    def _next(self) -> int:
        return int(self._ledger.database.query("SELECT coalesce(max(id), 0) + 1 AS n FROM decisions")[0]["n"])


def _info(row: Row) -> Decision:
    return Decision.model_validate({**row, "body": json.loads(row["body"])})
