"""Where things came from: versions from datasets, recipes, code, parents; answers from plans and versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.errors import NotFoundError
from tidegate.lineage.versions import describe, standing
from tidegate.store.canonical import timestamp
from tidegate.store.connection import Database, Row
from tidegate.types import Clock, Edge, utc_now

_BY_SUBJECT = (
    "SELECT subject, relation, object, detail FROM edges WHERE subject = ? ORDER BY relation, object"
)
_BY_OBJECT = "SELECT subject, relation, object, detail FROM edges WHERE object = ? ORDER BY relation, subject"


class Lineage:
    """The edges of a home and the questions that they answer."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def link(self, edges: Iterable[Edge]) -> None:
        """Adds edges to the open transaction; one that is there already stays as it is."""
        transaction = self._database.open_transaction
        now = timestamp(self._clock())
        for edge in edges:
            transaction.execute(
                "INSERT INTO edges VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [edge.subject, edge.relation, edge.object, json.dumps(edge.detail, sort_keys=True), now],
            )

    def sources(self, node: str) -> list[Edge]:
        """What ``node`` (``kind:identity``) was made from, by or after."""
        return self._edges(_BY_SUBJECT, node)

    def dependents(self, node: str) -> list[Edge]:
        """What was made from, by or after ``node``."""
        return self._edges(_BY_OBJECT, node)

    def explain_version(self, model: str, number: str | int) -> dict[str, Any]:
        """A version with all that is kept about it, and its parents back to the first.

        See :func:`tidegate.lineage.versions.describe` for what is told of each.
        """
        row = self._database.one(
            "SELECT * FROM versions WHERE model = ? AND CAST(number AS TEXT) = ?", [model, str(number)]
        )
        if row is None:
            raise NotFoundError(f"model {model!r} has no version {number}")
        return self._explain(row)

    def explain_digest(self, digest: str) -> dict[str, Any]:
        """The same, asked by the version's digest."""
        row = self._database.one("SELECT * FROM versions WHERE digest = ?", [digest])
        if row is None:
            raise NotFoundError(f"there is no version {digest}")
        return self._explain(row)

    def version_at(self, digest: str, moment: str) -> dict[str, Any]:
        """Where a version stood at a moment, and who and what had put it there.

        Its stage then, ``since`` when, ``by`` whom and why, the ``approvers`` and what the ``gates`` said of
        that move; its maker, datasets and the digest of its recipe. Before it was made it is a
        :class:`NotFoundError`.
        """
        row = self._database.one("SELECT * FROM versions WHERE digest = ?", [digest])
        if row is None or row["created_at"] > moment:
            raise NotFoundError(f"there was no version {digest} at {moment}")
        return standing(self._database, row, moment)

    def explain_prediction(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """A logged answer with the plan that chose its version, and that version's tree.

        ``prediction`` needs ``endpoint`` (name), ``generation`` and ``variant`` (the version's digest), as in
        the prediction log; it is returned as it came under ``prediction``.
        """
        return {
            "prediction": dict(prediction),
            "plan": self.plan_at(prediction["endpoint"], int(prediction["generation"])),
            "version": self.explain_digest(prediction["variant"]),
        }

    def plan_at(self, endpoint: str, generation: int) -> dict[str, Any]:
        """The traffic plan that held for an endpoint in a generation, and the deployment that brought it."""
        return self._plan(endpoint, f"in generation {generation}", generation=generation)

    def plan_at_time(self, endpoint: str, moment: str) -> dict[str, Any]:
        """The plan that held at a moment, written as the registry does: ``2013-03-01T00:00:00.000000Z``."""
        return self._plan(endpoint, f"at {moment}", moment=moment)

    def _plan(
        self, endpoint: str, when: str, *, generation: int | None = None, moment: str | None = None
    ) -> dict[str, Any]:
        row = self._database.one(
            "SELECT endpoints.id, endpoints.name, plans.generation, plans.variants, plans.reason, "
            "plans.created_at, plans.created_by, deployments.digest FROM plans "
            "JOIN endpoints ON endpoints.id = plans.endpoint "
            "JOIN deployments ON deployments.generation = plans.generation WHERE endpoints.name = ?1 "
            "AND (?2 IS NULL OR plans.generation <= ?2) AND (?3 IS NULL OR plans.created_at <= ?3) "
            "ORDER BY plans.generation DESC LIMIT 1",
            [endpoint, generation, moment],
        )
        if row is None:
            raise NotFoundError(f"endpoint {endpoint!r} had no traffic plan {when}")
        return {
            "endpoint": row["name"],
            "endpoint_id": row["id"],
            "generation": row["generation"],
            "variants": json.loads(row["variants"]),
            "reason": row["reason"],
            "created_at": row["created_at"],
            "created_by": row["created_by"],
            "deployment": row["digest"],
        }

    def _explain(self, row: Row) -> dict[str, Any]:
        tree = describe(self._database, row)
        newest, seen = tree, {row["digest"]}
        while (parent := self._parent(row["digest"])) is not None and parent["digest"] not in seen:
            seen.add(parent["digest"])
            newest["parent"] = describe(self._database, parent)
            newest, row = newest["parent"], parent
        return tree

    def _parent(self, digest: str) -> Row | None:
        return self._database.one(
            "SELECT versions.* FROM edges JOIN versions ON edges.object = 'version:' || versions.digest "
            "WHERE edges.subject = ? AND edges.relation = 'parent'",
            [f"version:{digest}"],
        )

    def _edges(self, select: str, node: str) -> list[Edge]:
        rows = self._database.query(select, [node])
        return [Edge.model_validate({**row, "detail": json.loads(row["detail"])}) for row in rows]
