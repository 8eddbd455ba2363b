"""The verbs of loading: what a version does in a process of its own, and what it did to scoring."""

from __future__ import annotations

from tidegate.installation import probing, quarantine
from tidegate.installation.opened import JSON, Actor, OpenHome


class Loadings(OpenHome):
    """The part of an installation that knows how versions load."""

    def probe_version(
        self, model: str, number: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> JSON:
        """Loads a version in a confined process and runs it there, as the first plan that names it does.

        The answer is the report; ``ok`` says whether a plan may name it.
        """
        return self.long(
            "probe_version",
            principal,
            idempotency_key,
            {"model": model, "number": number},
            lambda _: probing.probe(self, self.registry.versions.get(model, number)).to_json(),
        )

    def release_version(
        self,
        model: str,
        number: str,
        reason: str,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Lets a version out of the quarantine that its crashes brought it; plans may name it again."""
        request = {"model": model, "number": number, "reason": reason}
        return self.once(
            "release_version",
            principal,
            idempotency_key,
            request,
            lambda actor: quarantine.release(self, **request, actor=actor),
        )
