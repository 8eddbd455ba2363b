"""Sealed blind sets: how many versions each may judge, and what it said of one: aggregates, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError
from tidegate.registry.ledger import Ledger, check_name
from tidegate.store.canonical import timestamp
from tidegate.store.connection import Row
from tidegate.types import BlindResult, BlindSet, Edge


class Blind:
    """The tables ``blind_sets`` and ``blind_results``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(
        self, name: str, model: str, artifact: str, budget: int, *, principal: str, description: str = ""
    ) -> BlindSet:
        """Names a sealed artifact as a blind set of a model; a set never changes, the same again answers it.

        ``budget`` is how many versions it may judge.
        """
        check_name("a blind set", name)
        if budget < 1:
            raise InvalidInputError(f"the budget of a blind set is at least 1 version; it is {budget}")
        database = self._ledger.database
        with database.transaction() as transaction:
            if database.one("SELECT 1 FROM models WHERE name = ?", [model]) is None:
                raise NotFoundError(f"there is no model {model!r}")
            row: Row = {
                "name": name,
                "model": model,
                "artifact": artifact,
                "budget": budget,
                "description": description,
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            known = database.one("SELECT * FROM blind_sets WHERE name = ?", [name])
            if known is not None:
                if any(known[each] != row[each] for each in ("model", "artifact", "budget")):
                    raise ConflictError(
                        f"the blind set {name} exists already and never changes; name another"
                    )
                return BlindSet.model_validate(known)
            transaction.insert("blind_sets", row)
            self._ledger.audit.append(
                principal,
                "add_blind_set",
                f"blind:{name}",
                {"model": model, "artifact": artifact, "budget": budget},
            )
        return BlindSet.model_validate(row)

    def get(self, name: str) -> BlindSet:
        """The set of that name."""
        row = self._ledger.database.one("SELECT * FROM blind_sets WHERE name = ?", [name])
        if row is None:
            raise NotFoundError(f"there is no blind set {name!r}; tidegate blind list shows all")
        return BlindSet.model_validate(row)

    def all(self) -> list[BlindSet]:
        """All sets, oldest first."""
        rows = self._ledger.database.query("SELECT * FROM blind_sets ORDER BY rowid")
        return [BlindSet.model_validate(row) for row in rows]

    def holds(self, artifact: str) -> bool:
        """Whether an artifact is a blind set."""
        found = self._ledger.database.one("SELECT 1 FROM blind_sets WHERE artifact = ?", [artifact])
        return found is not None

    def results(self, name: str) -> list[BlindResult]:
        """What a set said of each version that it judged, oldest first."""
        rows = self._ledger.database.query(
            "SELECT * FROM blind_results WHERE blind_set = ? ORDER BY id", [name]
        )
        return [_result(row) for row in rows]

    def result(self, name: str, digest: str) -> BlindResult | None:
        """What a set said of a version, if it was asked."""
        row = self._ledger.database.one(
            "SELECT * FROM blind_results WHERE blind_set = ? AND digest = ?", [name, digest]
        )
        return None if row is None else _result(row)

    def of_version(
        self, model: str, digest: str, until: datetime | None = None
    ) -> list[tuple[BlindSet, BlindResult | None]]:
        """A model's sets, oldest first, each with what it said of the version; as it stood at ``until``."""
        found = []
        for each in self.all():
            if each.model == model and (until is None or each.created_at <= until):
                result = self.result(each.name, digest)
                later = result is not None and until is not None and result.created_at > until
                found.append((each, None if later else result))
        return found

    def require_left(self, name: str) -> None:
        """Refuses when the set has judged as many versions as it may; says since when, and what to do."""
        found, given = self.get(name), self.results(name)
        if len(given) >= found.budget:
            raise PreconditionError(
                f"the blind set {name} is used up: it has judged {len(given)} versions, its budget, the last "
                f"at {timestamp(given[-1].created_at)}; seal fresh rows and add them under another name: "
                f"tidegate blind add NAME {found.model} FILE.age"
            )

    def keep(
        self,
        name: str,
        digest: str,
        figures: Mapping[str, Any],
        confinement: Mapping[str, Any],
        *,
        principal: str,
    ) -> BlindResult:
        """Keeps what a set said of a version; the first word stays."""
        database = self._ledger.database
        with database.transaction() as transaction:
            known = self.result(name, digest)
            if known is not None:
                return known
            self.require_left(name)
            last = database.query("SELECT coalesce(max(id), 0) + 1 AS n FROM blind_results")
            row: Row = {
                "id": int(last[0]["n"]),
                "blind_set": name,
                "digest": digest,
                "figures": json.dumps(dict(figures), sort_keys=True),
                "confinement": json.dumps(dict(confinement), sort_keys=True),
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("blind_results", row)
            edge = Edge(
                subject=f"version:{digest}",
                relation="judged_by",
                object=f"blind:{name}",
                detail={"result": row["id"]},
            )
            self._ledger.lineage.link([edge])
            self._ledger.audit.append(
                principal,
                "judge_blind",
                f"version:{digest}",
                {"blind_set": name, "result": row["id"], "figures": dict(figures)},
            )
        return _result(row)


def _result(row: Row) -> BlindResult:
    return BlindResult.model_validate(
        {**row, "figures": json.loads(row["figures"]), "confinement": json.loads(row["confinement"])}
    )
