"""Datasets: immutable Parquet sets, numbered per name and addressed by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.errors import NotFoundError
from tidegate.registry.ledger import Ledger, check_name
from tidegate.store.connection import Row
from tidegate.store.parquet import describe
from tidegate.types import DatasetInfo


class Datasets:
    """The table ``datasets``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def register(
        self,
        name: str,
        digest: str,
        *,
        principal: str,
        time_column: str | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> DatasetInfo:
        """Registers the artifact ``digest``, a Parquet file, as the next version of ``name``.

        The same digest under the same name again returns what was registered first.
        """
        check_name("a dataset", name)
        known = self._known(name, digest)
        if known is not None:
            return known
        facts = describe(self._ledger.artifacts.path(digest), time_column)
        database = self._ledger.database
        with database.transaction() as transaction:
            known = self._known(name, digest)
            if known is not None:
                return known
            last = database.query(
                "SELECT coalesce(max(version), 0) AS n FROM datasets WHERE name = ?", [name]
            )
            row = {
                "name": name,
                "version": int(last[0]["n"]) + 1,
                "digest": digest,
                "rows": facts.rows,
                "columns": json.dumps(facts.columns),
                "time_column": time_column,
                "time_from": facts.time_from,
                "time_to": facts.time_to,
                "origin": json.dumps(dict(origin or {}), sort_keys=True),
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("datasets", row)
            self._ledger.audit.append(
                principal,
                "register_dataset",
                f"dataset:{digest}",
                {"name": name, "version": row["version"], "rows": facts.rows},
            )
        return _info(row)

    def get(self, name: str, version: int | None = None) -> DatasetInfo:
        """A version of a dataset, by default the newest."""
        row = self._ledger.database.one(
            "SELECT * FROM datasets WHERE name = ?1 AND (?2 IS NULL OR version = ?2) "
            "ORDER BY version DESC LIMIT 1",
            [name, version],
        )
        if row is None:
            which = "" if version is None else f" version {version}"
            raise NotFoundError(f"there is no dataset {name!r}{which}")
        return _info(row)

    def by_digest(self, digest: str) -> DatasetInfo:
        """The first dataset that was registered with that content."""
        row = self._ledger.database.one(
            "SELECT * FROM datasets WHERE digest = ? ORDER BY created_at LIMIT 1", [digest]
        )
        if row is None:
            raise NotFoundError(f"there is no dataset {digest}")
        return _info(row)

    def all(self) -> list[DatasetInfo]:
        """All versions of all datasets, by name and number."""
        return [
            _info(row) for row in self._ledger.database.query("SELECT * FROM datasets ORDER BY name, version")
        ]

    def _known(self, name: str, digest: str) -> DatasetInfo | None:
        row = self._ledger.database.one(
            "SELECT * FROM datasets WHERE name = ? AND digest = ?", [name, digest]
        )
        return None if row is None else _info(row)


def _info(row: Row) -> DatasetInfo:
    return DatasetInfo.model_validate(
        {**row, "columns": json.loads(row["columns"]), "origin": json.loads(row["origin"])}
    )
