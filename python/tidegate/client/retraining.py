"""The verbs of retraining over the management API."""

from __future__ import annotations

from tidegate.client.calling import JSON, Calling


class Retraining(Calling):
    """Diagnoses and retrainings, as :class:`tidegate.Installation` has them."""

    def retrain(
        self,
        endpoint: str,
        alarm: int | None = None,
        recipe: JSON | None = None,
        until: str | None = None,
        reason: str = "",
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Trains the version that answers most once more; waits up to an hour for what comes of it."""
        arguments = {"endpoint": endpoint, "alarm": alarm, "recipe": recipe, "until": until, "reason": reason}
        return self._call("retrain", arguments, idempotency_key)

    def list_retrainings(self, endpoint: str, *, idempotency_key: str | None = None) -> list[JSON]:
        """The retrainings of an endpoint, oldest first."""
        return self._list("list_retrainings", {"endpoint": endpoint}, idempotency_key)

    def diagnose(
        self, endpoint: str, since: str | None = None, *, idempotency_key: str | None = None
    ) -> JSON:
        """The faults of the data in the inputs that were logged since a time."""
        return self._call("diagnose", {"endpoint": endpoint, "since": since}, idempotency_key)
