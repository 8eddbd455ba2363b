"""The people of a replay: each acts over the management API with a key of their own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from tidegate.client import Client

ROLES = {
    "scientist": "data_scientist",
    "validator": "model_validator",
    "operator": "operator",
    "auditor": "auditor",
    "retrainer": "retraining_worker",
}
PATIENCE = 900.0
"""Seconds that one verb may take: a retraining fits models."""


class People:
    """Clients of a running server; the home's owner issues the keys and does nothing else."""

    def __init__(self, home: Path) -> None:
        self._clients: list[Client] = []
        with Client(home=home) as owner:
            self.url = owner.url
            keys = {name: str(owner.create_key(name, role)["key"]) for name, role in ROLES.items()}
        self.scientist = self._client(keys["scientist"])
        self.validator = self._client(keys["validator"])
        self.operator = self._client(keys["operator"])
        self.auditor = self._client(keys["auditor"])
        self.retrainer = self._client(keys["retrainer"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()

    def _client(self, key: str) -> Client:
        self._clients.append(Client(self.url, key, timeout=PATIENCE))
        return self._clients[-1]
