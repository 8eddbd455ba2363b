"""Idempotency keys: the same request again gets the same answer, another request under the key is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.ledger import Ledger
from tidegate.store import digest_of
from tidegate.store.canonical import timestamp

KEPT = timedelta(hours=24)
"""How long an answer can be asked for again."""


class Idempotency:
    """The table ``idempotency``: per principal and key, what was asked and what was answered."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def once(self, principal: str, key: str | None, verb: str, request: Any, run: Callable[[], Any]) -> Any:
        """Runs ``run`` and keeps its JSON-able answer, in one transaction; the second time only answers.

        Without a key it just runs. Around work that takes long put :meth:`replay` and :meth:`remember`.
        """
        if key is None:
            return run()
        known = self.replay(principal, key, verb, request)
        if known is not None:
            return known["response"]
        with self._ledger.database.transaction():
            known = self.replay(principal, key, verb, request)
            if known is not None:
                return known["response"]
            response = run()
            self.remember(principal, key, verb, request, response)
        return response

    def replay(self, principal: str, key: str, verb: str, request: Any) -> dict[str, Any] | None:
        """``{"response": …}`` when this request was answered under this key, else None.

        Another request under the key is a :class:`ConflictError`.
        """
        if not 1 <= len(key) <= 200:
            raise InvalidInputError(f"an idempotency key has 1 to 200 characters; this one has {len(key)}")
        row = self._ledger.database.one(
            "SELECT request, response FROM idempotency WHERE principal = ? AND key = ? AND created_at > ?",
            [principal, key, self._oldest()],
        )
        if row is None:
            return None
        if row["request"] != _hash(verb, request):
            raise ConflictError(f"the idempotency key {key!r} was used for another request")
        return {"response": json.loads(row["response"])}

    def remember(self, principal: str, key: str, verb: str, request: Any, response: Any) -> None:
        """Keeps an answer and forgets those too old; a key that is in use is a :class:`ConflictError`."""
        with self._ledger.database.transaction() as transaction:
            transaction.execute("DELETE FROM idempotency WHERE created_at <= ?", [self._oldest()])
            changed = transaction.execute(
                "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [principal, key, _hash(verb, request), json.dumps(response), self._ledger.now()],
            )
            if changed == 0:
                raise ConflictError(f"the idempotency key {key!r} was used at the same time")

    def _oldest(self) -> str:
        return timestamp(self._ledger.clock() - KEPT)


def _hash(verb: str, request: Any) -> str:
    return digest_of({"verb": verb, "request": request})
