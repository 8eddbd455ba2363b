"""The verbs of loading over the management API."""

from __future__ import annotations

from tidegate.client.calling import JSON, Calling


class Loadings(Calling):
    """How versions load, as :class:`tidegate.Installation` has it."""

    def probe_version(self, model: str, number: str, *, idempotency_key: str | None = None) -> JSON:
        """Loads a version in a confined process on the server's machine; the answer is the report."""
        return self._call("probe_version", {"model": model, "number": number}, idempotency_key)

    def release_version(
        self, model: str, number: str, reason: str, *, idempotency_key: str | None = None
    ) -> JSON:
        """Lets a version out of the quarantine that its crashes brought it."""
        arguments = {"model": model, "number": number, "reason": reason}
        return self._call("release_version", arguments, idempotency_key)
