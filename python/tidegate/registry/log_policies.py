"""Log policies: what of an endpoint's predictions is kept, and how long; the newest of an endpoint holds."""

from __future__ import annotations

import json

from tidegate.registry.ledger import Ledger
from tidegate.types import LogPolicy


class LogPolicies:
    """The table ``log_policies``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def set(self, endpoint: str, policy: LogPolicy, *, principal: str, reason: str = "") -> None:
        """Keeps a policy as the newest of the endpoint with the id ``endpoint``."""
        with self._ledger.database.transaction() as transaction:
            transaction.insert(
                "log_policies",
                {
                    "endpoint": endpoint,
                    "body": json.dumps(policy.to_json(), sort_keys=True),
                    "reason": reason,
                    "created_at": self._ledger.now(),
                    "created_by": principal,
                },
            )
            self._ledger.audit.append(
                principal, "set_log", f"endpoint:{endpoint}", {"policy": policy.to_json()}, reason
            )

    def newest(self, endpoint: str) -> LogPolicy:
        """The policy that holds for an endpoint; everything is kept where there never was one."""
        row = self._ledger.database.one(
            "SELECT body FROM log_policies WHERE endpoint = ? ORDER BY id DESC LIMIT 1", [endpoint]
        )
        return LogPolicy() if row is None else LogPolicy.model_validate_json(row["body"])
