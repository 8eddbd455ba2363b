"""The verbs of the prediction log over the management API."""

from __future__ import annotations

from tidegate.client.calling import JSON, Calling


class Keeping(Calling):
    """What of the predictions is kept, as :class:`tidegate.Installation` has it."""

    def set_log(
        self, endpoint: str, policy: JSON, reason: str = "", *, idempotency_key: str | None = None
    ) -> JSON:
        """Says what of an endpoint's predictions is logged, masked and kept."""
        arguments = {"endpoint": endpoint, "policy": policy, "reason": reason}
        return self._call("set_log", arguments, idempotency_key)

    def get_log(self, endpoint: str, *, idempotency_key: str | None = None) -> JSON:
        """What of an endpoint's predictions is logged."""
        return self._call("get_log", {"endpoint": endpoint}, idempotency_key)
