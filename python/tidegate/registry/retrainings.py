"""Retrainings on record: what each was made for, what was tried, and the version that came of it, if any."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.registry.ledger import Ledger
from tidegate.store.canonical import parse
from tidegate.store.connection import Row
from tidegate.types import Edge, RetrainingInfo

_SELECT = (
    "SELECT retrainings.*, endpoints.name AS named FROM retrainings "
    "JOIN endpoints ON endpoints.id = retrainings.endpoint"
)


class Retrainings:
    """The table ``retrainings``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(
        self,
        endpoint: str,
        parent: str,
        outcome: str,
        says: str,
        body: Mapping[str, Any],
        *,
        principal: str,
        alarm: int | None = None,
        version: str | None = None,
        dataset: str | None = None,
        reason: str = "",
    ) -> RetrainingInfo:
        """Keeps a retraining of the version ``parent``; ``version`` and ``dataset`` are digests.

        A new version gets edges to the retraining that made it and to the alarm that caused it.
        """
        database = self._ledger.database
        with database.transaction() as transaction:
            identity = database.query("SELECT id FROM endpoints WHERE name = ?", [endpoint])[0]["id"]
            last = database.query("SELECT coalesce(max(id), 0) AS n FROM retrainings")
            row: Row = {
                "id": int(last[0]["n"]) + 1,
                "endpoint": identity,
                "alarm": alarm,
                "parent": parent,
                "outcome": outcome,
                "version": version,
                "dataset": dataset,
                "says": says,
                "body": json.dumps(dict(body), sort_keys=True),
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("retrainings", row)
            node = f"retraining:{row['id']}"
            if version is not None:
                made = f"version:{version}"
                edges = [Edge(subject=made, relation="retrained_by", object=node)]
                if alarm is not None:
                    edges.append(Edge(subject=made, relation="caused_by", object=f"alarm:{alarm}"))
                self._ledger.lineage.link(edges)
            detail = {name: row[name] for name in ("endpoint", "alarm", "parent", "outcome", "version")}
            self._ledger.audit.append(principal, "retrain", node, detail | {"says": says}, reason)
        return _info(row | {"named": endpoint})

    def all(self, endpoint: str) -> list[RetrainingInfo]:
        """The retrainings of an endpoint, oldest first."""
        rows = self._ledger.database.query(
            f"{_SELECT} WHERE endpoints.name = ? ORDER BY retrainings.id", [endpoint]
        )
        return [_info(row) for row in rows]


def _info(row: Row) -> RetrainingInfo:
    facts = {name: value for name, value in row.items() if name != "named"}
    return RetrainingInfo.model_validate({**facts, "endpoint": row["named"], "body": parse(row["body"])})
