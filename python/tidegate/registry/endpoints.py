"""Endpoints: the names that clients call, each with its contract."""

from __future__ import annotations

import json
import uuid

from tidegate.errors import ConflictError, NotFoundError
from tidegate.registry.ledger import Ledger, check_name
from tidegate.store.connection import Row
from tidegate.types import Contract, EndpointInfo


class Endpoints:
    """The table ``endpoints``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def create(self, name: str, model: str, contract: Contract, *, principal: str) -> EndpointInfo:
        """Opens an endpoint over a model; its id salts the assignment of keys to versions."""
        check_name("an endpoint", name)
        database = self._ledger.database
        identity = f"ep_{uuid.uuid4().hex}"
        body = contract.to_json()
        with database.transaction() as transaction:
            if database.one("SELECT 1 FROM endpoints WHERE name = ?", [name]):
                raise ConflictError(f"the endpoint {name} exists already")
            if database.one("SELECT 1 FROM models WHERE name = ?", [model]) is None:
                raise NotFoundError(f"there is no model {model!r}")
            row = {
                "id": identity,
                "name": name,
                "model": model,
                "salt": identity,
                "contract": json.dumps(body),
                "created_at": self._ledger.now(),
                "created_by": principal,
            }
            transaction.insert("endpoints", row)
            self._ledger.audit.append(
                principal,
                "create_endpoint",
                f"endpoint:{name}",
                {"id": identity, "model": model, "contract": body},
            )
        return _info(row)

    def get(self, name: str) -> EndpointInfo:
        """The endpoint of that name."""
        row = self._ledger.database.one("SELECT * FROM endpoints WHERE name = ?", [name])
        if row is None:
            known = ", ".join(endpoint.name for endpoint in self.all()[:10]) or "none yet"
            raise NotFoundError(f"there is no endpoint {name!r}; there are: {known}")
        return _info(row)

    def all(self) -> list[EndpointInfo]:
        """All endpoints by name."""
        return [_info(row) for row in self._ledger.database.query("SELECT * FROM endpoints ORDER BY name")]


def _info(row: Row) -> EndpointInfo:
    return EndpointInfo.model_validate({**row, "contract": json.loads(row["contract"])})
