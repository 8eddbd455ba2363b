"""The verbs of drift alarms over the management API."""

from __future__ import annotations

from tidegate.client.calling import JSON, Calling


class Alarming(Calling):
    """Drift alarms, as :class:`tidegate.Installation` has them."""

    def check_drift(self, endpoint: str, *, idempotency_key: str | None = None) -> JSON:
        """Scans all closed panes and keeps the alarms that are not kept yet."""
        return self._call("check_drift", {"endpoint": endpoint}, idempotency_key)

    def list_alarms(
        self, endpoint: str, open_only: bool = False, *, idempotency_key: str | None = None
    ) -> list[JSON]:
        """The alarms on record, oldest first."""
        return self._list("list_alarms", {"endpoint": endpoint, "open_only": open_only}, idempotency_key)
