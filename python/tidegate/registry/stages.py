"""Stages: who approved a version for which, and every move that was made, with the verdicts that let it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tidegate.errors import ConflictError
from tidegate.registry.ledger import Ledger
from tidegate.store.canonical import parse
from tidegate.store.connection import Row
from tidegate.types import Approval, Edge, Promotion, Rule, Verdict


class Stages:
    """The tables ``approvals`` and ``promotions``, and the column ``stage`` of ``versions``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def approve(
        self, digest: str, stage: str, roles: Iterable[str], *, principal: str, reason: str = ""
    ) -> Approval:
        """Keeps an approval with the roles that its giver has; the same again answers what was kept first."""
        database = self._ledger.database
        with database.transaction() as transaction:
            known = next(
                (
                    found
                    for found in self.approvals(digest)
                    if (found.stage, found.created_by) == (stage, principal)
                ),
                None,
            )
            if known is not None:
                return known
            row: Row = {
                "id": self._next("approvals"),
                "digest": digest,
                "stage": stage,
                "reason": reason,
                "roles": json.dumps(sorted(roles)),
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("approvals", row)
            node = f"approval:{row['id']}"
            self._ledger.lineage.link([Edge(subject=node, relation="approves", object=f"version:{digest}")])
            self._ledger.audit.append(
                principal,
                "approve_version",
                f"version:{digest}",
                {"approval": row["id"], "stage": stage, "roles": json.loads(row["roles"])},
                reason,
            )
        return _approval(row)

    def approvals(self, digest: str) -> list[Approval]:
        """The approvals of a version's digest, oldest first."""
        rows = self._ledger.database.query("SELECT * FROM approvals WHERE digest = ? ORDER BY id", [digest])
        return [_approval(row) for row in rows]

    def move(
        self,
        digest: str,
        source: str,
        to: str,
        rule: Rule,
        verdicts: Sequence[Verdict],
        *,
        principal: str,
        reason: str = "",
    ) -> Promotion:
        """Moves a version that stands in ``source``; :class:`ConflictError` when it is elsewhere."""
        with self._ledger.database.transaction() as transaction:
            changed = transaction.execute(
                "UPDATE versions SET stage = ? WHERE digest = ? AND stage = ?", [to, digest, source]
            )
            if changed != 1:
                raise ConflictError(f"version {digest} does not stand in {source} any more")
            row: Row = {
                "id": self._next("promotions"),
                "digest": digest,
                "from_stage": source,
                "to_stage": to,
                "rule": json.dumps(rule.to_json(), sort_keys=True),
                "verdicts": json.dumps([verdict.to_json() for verdict in verdicts], sort_keys=True),
                "reason": reason,
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("promotions", row)
            self._ledger.lineage.link(_edges(row, verdicts))
            self._ledger.audit.append(
                principal,
                "promote_version",
                f"version:{digest}",
                {
                    "promotion": row["id"],
                    "from": source,
                    "to": to,
                    "gates": [verdict.to_json() for verdict in verdicts],
                },
                reason,
            )
        return _promotion(row)

    def history(self, digest: str) -> list[Promotion]:
        """The moves of a version, oldest first."""
        rows = self._ledger.database.query("SELECT * FROM promotions WHERE digest = ? ORDER BY id", [digest])
        return [_promotion(row) for row in rows]

    def _next(self, table: str) -> int:
        found = self._ledger.database.query(f"SELECT coalesce(max(id), 0) + 1 AS n FROM {table}")  # noqa: S608
        return int(found[0]["n"])


def _edges(row: Row, verdicts: Sequence[Verdict]) -> list[Edge]:
    subject = f"promotion:{row['id']}"
    given = {verdict.figures["approval"] for verdict in verdicts if verdict.figures.get("approval")}
    return [
        Edge(subject=subject, relation="moves", object=f"version:{row['digest']}"),
        *(Edge(subject=subject, relation="approved", object=f"approval:{each}") for each in sorted(given)),
    ]


def _approval(row: Row) -> Approval:
    return Approval.model_validate({**row, "roles": json.loads(row["roles"])})


def _promotion(row: Row) -> Promotion:
    return Promotion.model_validate({**row, "rule": parse(row["rule"]), "verdicts": parse(row["verdicts"])})
