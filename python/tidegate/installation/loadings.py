"""The verbs of loading: what a version does in a process of its own."""

from __future__ import annotations

from tidegate.installation import probing
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
