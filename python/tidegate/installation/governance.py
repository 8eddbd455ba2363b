"""The verbs of a version's end and of the past: retire, and what served at a moment."""

from __future__ import annotations

from tidegate.installation.history import as_of
from tidegate.installation.opened import JSON, Actor, OpenHome
from tidegate.installation.retirement import retire


class Governance(OpenHome):
    """The part of an installation that retires versions and answers for the past."""

    def retire_version(
        self,
        model: str,
        number: str,
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Ends a version's service: out of the plans in which it only shadows, then to ``stages.retired``.

        Returns when the scoring process no longer has it. Raises :class:`PreconditionError` while it answers
        requests of any endpoint; the message has the command that gives its share to others. What it answered
        stays in the logs with its lineage. ``left`` names the endpoints whose plans it was taken out of.
        """
        request: JSON = {"model": model, "number": number, "reason": reason}
        return self.long(
            "retire_version",
            principal,
            idempotency_key,
            request,
            lambda actor: retire(self, **request, actor=actor),
        )

    def as_of(
        self,
        moment: str,
        endpoint: str | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """What served at a moment: RFC 3339, or a date, whose first moment in UTC is meant.

        For every endpoint (or the one named) the plan that held, by whom and why, and for each version in it
        the stage that it had then, since when, who approved it, what the gates said, its dataset and the
        digest of its recipe. An endpoint that had no plan has ``plan`` None and ``says`` why. A moment that
        has not come is an :class:`InvalidInputError`.
        """
        return self.read("as_of", principal, idempotency_key, lambda: as_of(self, moment, endpoint))
