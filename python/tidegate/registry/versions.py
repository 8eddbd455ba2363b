"""Versions: immutable, numbered per model, bound by the digest of their RFC 8785 manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.errors import ConflictError, InternalError, InvalidInputError, NotFoundError
from tidegate.registry.ledger import Ledger
from tidegate.store import canonical, digest_of, sha256
from tidegate.store.canonical import parse
from tidegate.store.connection import Row
from tidegate.types import Contract, Edge, Signature, VersionInfo

FORMAT = 1
"""The format of manifests that this program writes."""


class Versions:
    """The table ``versions``; each manifest is also an artifact, under the version's digest."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def register(
        self,
        model: str,
        *,
        onnx: str,
        signature: Signature,
        contract: Contract,
        profile: str | None,
        dataset: str | None,
        recipe: Mapping[str, Any],
        code: Mapping[str, Any],
        metrics: Mapping[str, Any],
        conversion: Mapping[str, Any],
        principal: str,
        parent: str | None = None,
        description: str = "",
        stage: str = "development",
    ) -> VersionInfo:
        """Gives a model its next version.

        ``onnx`` and ``profile`` are digests of artifacts, ``dataset`` of a registered dataset, ``parent`` a
        number or digest of a version. A manifest that is registered already is a :class:`ConflictError`
        naming its version.
        """
        self._check_parts(model, onnx, profile, dataset)
        parent_digest = None if parent is None else self._resolve(model, parent)
        manifest = {
            "format": FORMAT,
            "model": model,
            "onnx": onnx,
            "signature": signature.to_json(),
            "contract": contract.to_json(),
            "profile": profile,
            "dataset": dataset,
            "recipe": dict(recipe),
            "code": dict(code),
            "metrics": dict(metrics),
            "conversion": dict(conversion),
            "parent": parent_digest,
        }
        body = canonical(manifest)
        digest = self._ledger.artifacts.put(body)
        row = {
            "model": model,
            "number": 0,
            "digest": digest,
            "stage": stage,
            "description": description,
            "manifest": body.decode(),
            "created_at": self._ledger.now(),
            "created_by": principal,
        }
        with self._ledger.database.transaction():
            self._insert(row, manifest)
        return _info(row)

    def _insert(self, row: Row, manifest: Mapping[str, Any]) -> None:
        database, digest = self._ledger.database, row["digest"]
        known = database.one("SELECT model, number FROM versions WHERE digest = ?", [digest])
        if known is not None:
            raise ConflictError(
                f"this is version {known['number']} of model {known['model']} already ({digest})"
            )
        last = database.query(
            "SELECT coalesce(max(number), 0) AS n FROM versions WHERE model = ?", [row["model"]]
        )
        row["number"] = int(last[0]["n"]) + 1
        database.open_transaction.insert("versions", row)
        self._ledger.lineage.link(_edges(digest, manifest))
        self._ledger.audit.append(
            row["created_by"],
            "register_version",
            f"version:{digest}",
            {"model": row["model"], "version": str(row["number"]), "stage": row["stage"]},
        )

    def get(self, model: str, number: str | int | None = None) -> VersionInfo:
        """A version by number, by default the newest."""
        numbers = self._numbers(model)
        wanted = str(numbers[-1]) if number is None and numbers else str(number)
        if wanted not in map(str, numbers):
            has = f"it has 1 to {numbers[-1]}" if numbers else "it has none yet"
            which = "no version" if number is None else f"no version {wanted}"
            raise NotFoundError(f"model {model!r} has {which}; {has}")
        return _info(self._row("SELECT * FROM versions WHERE model = ? AND number = ?", [model, wanted]))

    def by_digest(self, digest: str) -> VersionInfo:
        """The version that a digest binds."""
        return _info(self._row("SELECT * FROM versions WHERE digest = ?", [digest]))

    def all(self, model: str) -> list[VersionInfo]:
        """A model's versions, oldest first."""
        self._check_model(model)
        rows = self._ledger.database.query("SELECT * FROM versions WHERE model = ? ORDER BY number", [model])
        return [_info(row) for row in rows]

    def verify(self, digest: str) -> None:
        """Hashes manifest, ONNX bytes and profile of a version; the first that differs raises."""
        version = self.by_digest(digest)
        if digest_of(version.manifest) != digest or sha256(self._ledger.artifacts.get(digest)) != digest:
            raise InternalError(f"the manifest of version {version.version} of {version.model} was changed")
        for part in (version.manifest["onnx"], version.manifest["profile"]):
            if part is not None:
                self._ledger.artifacts.verify(part)

    def _row(self, select: str, parameters: list[str]) -> Row:
        row = self._ledger.database.one(select, parameters)
        if row is None:
            raise NotFoundError(f"there is no version {' '.join(parameters)}")
        return row

    def _numbers(self, model: str) -> list[int]:
        self._check_model(model)
        rows = self._ledger.database.query(
            "SELECT number FROM versions WHERE model = ? ORDER BY number", [model]
        )
        return [int(row["number"]) for row in rows]

    def _check_model(self, model: str) -> None:
        if self._ledger.database.one("SELECT 1 FROM models WHERE name = ?", [model]) is None:
            raise NotFoundError(f"there is no model {model!r}")

    def _check_parts(self, model: str, onnx: str, profile: str | None, dataset: str | None) -> None:
        self._check_model(model)
        for digest in (onnx, profile):
            if digest is not None:
                self._ledger.artifacts.path(digest)
        if dataset is not None and not self._ledger.database.one(
            "SELECT 1 FROM datasets WHERE digest = ?", [dataset]
        ):
            raise NotFoundError(f"there is no dataset {dataset}; register it first")

    def _resolve(self, model: str, parent: str) -> str:
        if parent.startswith("sha256:"):
            return self.by_digest(parent).digest
        if not parent.isdecimal():
            raise InvalidInputError(f"not a version: {parent!r}; expected a number or a digest")
        return self.get(model, parent).digest


def _edges(digest: str, manifest: Mapping[str, Any]) -> list[Edge]:
    subject = f"version:{digest}"
    made_of = {
        "recipe": f"recipe:{digest_of(manifest['recipe'])}",
        "code": f"code:{digest_of(manifest['code'])}",
        "dataset": manifest["dataset"] and f"dataset:{manifest['dataset']}",
        "parent": manifest["parent"] and f"version:{manifest['parent']}",
    }
    return [Edge(subject=subject, relation=name, object=node) for name, node in made_of.items() if node]


def _info(row: Row) -> VersionInfo:
    facts = {name: value for name, value in row.items() if name != "number"}
    return VersionInfo.model_validate(
        {**facts, "version": str(row["number"]), "manifest": parse(row["manifest"])}
    )
