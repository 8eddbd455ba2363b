"""The verbs of a version's end and of the past over the management API."""

from __future__ import annotations

from tidegate.client.calling import JSON, Calling


class Governance(Calling):
    """Retirement and the past, as :class:`tidegate.Installation` has them."""

    def retire_version(
        self, model: str, number: str, reason: str = "", *, idempotency_key: str | None = None
    ) -> JSON:
        """Ends a version's service; refused with the command that helps while it answers requests."""
        arguments = {"model": model, "number": number, "reason": reason}
        return self._call("retire_version", arguments, idempotency_key)

    def as_of(self, moment: str, endpoint: str | None = None, *, idempotency_key: str | None = None) -> JSON:
        """What served at a moment, and what was known then of the versions that did."""
        return self._call("as_of", {"moment": moment, "endpoint": endpoint}, idempotency_key)
