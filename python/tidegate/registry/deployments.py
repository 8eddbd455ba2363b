"""Deployments and the traffic plans that they bring: generations that go up by one, each against the last."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.registry.ledger import Ledger
from tidegate.store.canonical import canonical, parse
from tidegate.store.connection import Row, Transaction
from tidegate.types import DeploymentInfo, PlanDraft, TrafficPlan


def checksum(document: Mapping[str, Any]) -> str:
    """The hexadecimal sha256 of a deployment's canonical form without its field ``sha256``."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(canonical(rest)).hexdigest()


class Deployments:
    """The tables ``deployments`` and ``plans``. Generation 0 is the empty home."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def commit(
        self,
        document: Mapping[str, Any],
        plans: Sequence[PlanDraft],
        *,
        expected: int,
        principal: str,
        reason: str = "",
    ) -> DeploymentInfo:
        """Records a deployment with the plans that are new in it, if the generation is still ``expected``.

        ``document`` is what the scoring processes get: its ``generation`` is ``expected`` + 1 and its
        ``sha256`` is its :func:`checksum`. Somebody who was faster is a :class:`ConflictError` with both
        generations.
        """
        _check_document(document, expected)
        for plan in plans:
            check_plan(plan)
        row = {
            "generation": expected + 1,
            "digest": f"sha256:{document['sha256']}",
            "document": canonical(document).decode(),
            "reason": reason,
            "created_at": self._ledger.now(),
            "created_by": principal,
        }
        with self._ledger.database.transaction() as transaction:
            actual = self.generation()
            if actual != expected:
                raise ConflictError(f"GENERATION_CONFLICT: expected {expected}, actual {actual}")
            transaction.insert("deployments", row)
            for plan in plans:
                self._insert_plan(transaction, plan, row)
            self._ledger.audit.append(
                principal,
                "deploy",
                f"deployment:{row['generation']}",
                {"digest": row["digest"], "plans": [_shown(plan) for plan in plans]},
                reason,
            )
            # What is only in the write-ahead log is lost with one flipped byte of it.
            transaction.after_commit(self._ledger.database.checkpoint)
        return _info(row)

    def _insert_plan(self, transaction: Transaction, plan: PlanDraft, deployment: Row) -> None:
        database = self._ledger.database
        endpoint = database.one("SELECT id, model FROM endpoints WHERE name = ?", [plan.endpoint])
        if endpoint is None:
            raise NotFoundError(f"there is no endpoint {plan.endpoint!r}")
        for variant in plan.variants:
            if not database.one(
                "SELECT 1 FROM versions WHERE model = ? AND CAST(number AS TEXT) = ? AND digest = ?",
                [endpoint["model"], variant.version, variant.digest],
            ):
                raise NotFoundError(
                    f"model {endpoint['model']!r} has no version {variant.version} of digest {variant.digest}"
                )
        transaction.insert(
            "plans",
            {
                "endpoint": endpoint["id"],
                "generation": deployment["generation"],
                "variants": json.dumps([variant.to_json() for variant in plan.variants]),
                "slots": plan.slots,
                "stacks": json.dumps(plan.stacks),
                "rules": json.dumps([rule.to_json() for rule in plan.rules]),
                "reason": deployment["reason"],
                "created_at": deployment["created_at"],
                "created_by": deployment["created_by"],
            },
        )

    def generation(self) -> int:
        """The generation of the newest deployment; 0 when there is none."""
        return int(
            self._ledger.database.query("SELECT coalesce(max(generation), 0) AS n FROM deployments")[0]["n"]
        )

    def generation_at(self, moment: str) -> int:
        """The generation that was the newest at a moment, written as the registry does; 0 before one."""
        rows = self._ledger.database.query(
            "SELECT coalesce(max(generation), 0) AS n FROM deployments WHERE created_at <= ?", [moment]
        )
        return int(rows[0]["n"])

    def document(self, generation: int | None = None) -> dict[str, Any] | None:
        """What the scoring processes got in a generation, by default the newest; None in generation 0."""
        wanted = self.generation() if generation is None else generation
        if wanted == 0:
            return None
        row = self._ledger.database.one("SELECT document FROM deployments WHERE generation = ?", [wanted])
        if row is None:
            raise NotFoundError(f"there is no deployment of generation {wanted}")
        document: dict[str, Any] = parse(row["document"])
        return document

    def all(self) -> list[DeploymentInfo]:
        """All deployments, oldest first."""
        return [
            _info(row) for row in self._ledger.database.query("SELECT * FROM deployments ORDER BY generation")
        ]

    def plan(self, endpoint: str, generation: int | None = None) -> TrafficPlan | None:
        """The plan of an endpoint in a generation, by default the newest; None before the first."""
        row = self._plan_row(endpoint, generation)
        return None if row is None else _plan(row)

    def plan_draft(self, endpoint: str, generation: int | None = None) -> PlanDraft | None:
        """The plan of a generation, by default the newest, with its slots: the next one moves few of them."""
        row = self._plan_row(endpoint, generation)
        if row is None:
            return None
        return PlanDraft(
            endpoint=endpoint,
            variants=json.loads(row["variants"]),
            slots=row["slots"],
            stacks=json.loads(row["stacks"]),
            rules=json.loads(row["rules"]),
        )

    def history(self, endpoint: str) -> list[TrafficPlan]:
        """All plans that an endpoint has had, oldest first."""
        rows = self._ledger.database.query(
            "SELECT plans.*, endpoints.name FROM plans JOIN endpoints ON endpoints.id = plans.endpoint "
            "WHERE endpoints.name = ? ORDER BY plans.generation",
            [endpoint],
        )
        return [_plan(row) for row in rows]

    def _plan_row(self, endpoint: str, generation: int | None) -> Row | None:
        return self._ledger.database.one(
            "SELECT plans.*, endpoints.name FROM plans JOIN endpoints ON endpoints.id = plans.endpoint "
            "WHERE endpoints.name = ?1 AND (?2 IS NULL OR plans.generation <= ?2) "
            "ORDER BY plans.generation DESC LIMIT 1",
            [endpoint, generation],
        )


def check_plan(plan: PlanDraft) -> None:
    """Refuses weights that are negative, not finite or don't sum to 1 within 1e-9, and shadows with one."""
    seen: set[str] = set()
    for variant in plan.variants:
        if variant.version in seen:
            raise InvalidInputError(
                f"version {variant.version} is named twice in the plan of {plan.endpoint}"
            )
        seen.add(variant.version)
        if not math.isfinite(variant.weight) or variant.weight < 0:
            raise InvalidInputError(f"version {variant.version} has weight {variant.weight}; expected 0 to 1")
        if variant.shadow and any(rule.version == variant.version for rule in plan.rules):
            raise InvalidInputError(f"version {variant.version} is a shadow, and a rule sends requests to it")
        if variant.shadow and variant.weight != 0:
            raise InvalidInputError(
                f"version {variant.version} is a shadow and has weight {variant.weight}; expected 0"
            )
    total = math.fsum(variant.weight for variant in plan.variants)
    if abs(total - 1) > 1e-9:
        raise InvalidInputError(f"the weights of endpoint {plan.endpoint} sum to {total!r}; expected 1")


def _check_document(document: Mapping[str, Any], expected: int) -> None:
    if document.get("generation") != expected + 1:
        raise InvalidInputError(
            f"the deployment says generation {document.get('generation')!r}; expected {expected + 1}"
        )
    if document.get("sha256") != checksum(document):
        raise InvalidInputError("the deployment's sha256 is not the one of its content")


def _shown(plan: PlanDraft) -> dict[str, Any]:
    rules = {"rules": [rule.to_json() for rule in plan.rules]} if plan.rules else {}
    return {
        "endpoint": plan.endpoint,
        "variants": [variant.to_json() for variant in plan.variants],
        **rules,
    }


def _info(row: Row) -> DeploymentInfo:
    return DeploymentInfo.model_validate({name: value for name, value in row.items() if name != "document"})


def _plan(row: Row) -> TrafficPlan:
    return TrafficPlan.model_validate(
        {
            "endpoint": row["name"],
            "generation": row["generation"],
            "variants": json.loads(row["variants"]),
            "rules": json.loads(row["rules"]),
            "reason": row["reason"],
            "created_at": row["created_at"],
            "created_by": row["created_by"],
        }
    )
