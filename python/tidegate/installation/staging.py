"""The verbs of stages: promote, approve, and what a version's gates say."""

from __future__ import annotations

from tidegate.access import Principal
from tidegate.installation.opened import JSON, Actor, OpenHome


class Staging(OpenHome):
    """The part of an installation that moves versions between stages."""

    def promote_version(
        self,
        model: str,
        number: str,
        stage: str,
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Moves a version to another stage; a gate that has not passed is named with what satisfies it."""
        # Taken before the registry, as set_traffic does: no version leaves its stage while a plan is made.
        with self.rolling:
            return self.once(
                "promote_version",
                principal,
                idempotency_key,
                {"model": model, "number": number, "stage": stage, "reason": reason},
                lambda actor: self.promoter.promote(model, number, stage, reason, principal=actor),
            )

    def approve_version(
        self,
        model: str,
        number: str,
        stage: str,
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Approves a version's digest for a stage; whoever registered the version can't."""

        def run(actor: str) -> JSON:
            who = principal if isinstance(principal, Principal) else self.access.principal(actor)
            return self.promoter.approve(model, number, stage, reason, principal=who)

        request = {"model": model, "number": number, "stage": stage, "reason": reason}
        return self.once("approve_version", principal, idempotency_key, request, run)

    def version_gates(
        self,
        model: str,
        number: str,
        stage: str | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """What passed and what is missing for a version's next moves, or for the one to ``stage``."""
        return self.read(
            "version_gates",
            principal,
            idempotency_key,
            lambda: self.promoter.gates(model, number, stage),
        )
