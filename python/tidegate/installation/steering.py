"""The verbs of steering: policy, challengers, decisions, why, undo."""

from __future__ import annotations

from tidegate.installation import explaining, rolling, traffic
from tidegate.installation.opened import JSON, Actor, OpenHome


class Steering(OpenHome):
    """The part of an installation that moves traffic by evidence."""

    def set_rules(
        self,
        endpoint: str,
        rules: list[JSON],
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Gives an endpoint's plan the rules that decide before its weights, the first that is met.

        A rule has ``header`` or ``column``, ``equals`` and ``version``. Versions that only rules name stand
        in the plan with weight 0. What a rule sends has the route ``rule`` in answers and logs, and is no
        evidence for the rollout. Rules stay when :meth:`set_traffic` changes weights,
        and :meth:`undo_traffic` restores them.
        """
        request: JSON = {"endpoint": endpoint, "rules": rules, "reason": reason}
        return self.long(
            "set_rules",
            principal,
            idempotency_key,
            request,
            lambda actor: traffic.set_rules(self, **request, actor=actor),
        )

    def set_policy(
        self,
        endpoint: str,
        policy: JSON,
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Says how an endpoint is steered: its floor, its ladder, and how much evidence each step needs.

        ``policy`` is read by :class:`tidegate.rollout.Policy`; what it leaves out has its default. Panes are
        judged from the newest event on that the log has now. A freeze ends; when the question of the evidence
        changes (``evidence``, ``eps``, ``g``, the loss), it begins anew.
        """
        request: JSON = {"endpoint": endpoint, "policy": policy, "reason": reason}
        # Taken before the registry, as set_traffic does.
        with self.rolling:
            return self.once(
                "set_policy",
                principal,
                idempotency_key,
                request,
                lambda actor: rolling.set_policy(self, **request, actor=actor),
            )

    def get_policy(
        self, endpoint: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> JSON:
        """How an endpoint is steered."""
        return self.read("get_policy", principal, idempotency_key, lambda: rolling.get_policy(self, endpoint))

    def challenge(
        self,
        endpoint: str,
        version: str,
        reason: str = "",
        retraining: int | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Makes a version a challenger: a shadow first, then it climbs the policy's ladder by itself.

        Answers the decision. In mode advise nothing moves and the decision says the command.
        """
        request: JSON = {
            "endpoint": endpoint,
            "version": version,
            "reason": reason,
            "retraining": retraining,
        }
        return self.long(
            "challenge",
            principal,
            idempotency_key,
            request,
            lambda actor: rolling.challenge(self, **request, actor=actor),
        )

    def steer(
        self,
        endpoint: str,
        until: str | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Judges every pane whose labels have had their time, and moves traffic accordingly.

        A pane is mature ``maturity_hours`` after its end by event time: as far as the log goes, or up to
        ``until``. Each is judged once. A server does this by itself every minute.
        """
        from tidegate.installation import ladders

        request: JSON = {"endpoint": endpoint, "until": until}
        return self.long(
            "steer", principal, idempotency_key, request, lambda _: ladders.steer(self, **request)
        )

    def list_decisions(
        self,
        endpoint: str,
        since: str | None = None,
        all_panes: bool = False,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> list[JSON]:
        """What was decided about an endpoint's traffic, oldest first; holds only with ``all_panes``."""
        return self.read(
            "list_decisions",
            principal,
            idempotency_key,
            lambda: explaining.decisions(self, endpoint, since, all_panes=all_panes),
        )

    def why(
        self,
        endpoint: str,
        at: str | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """In words: who answers what share, since when, because of which evidence, and what comes next.

        ``at`` is an event time; default: now. ``decision`` is the one that made the plan, None when it was
        made by hand.
        """
        return self.read("why", principal, idempotency_key, lambda: explaining.why(self, endpoint, at))

    def undo_traffic(
        self,
        endpoint: str,
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Takes back the newest change of an endpoint's traffic: the plan before it, slot for slot.

        Again, it goes one plan further back, as one wants it while something is wrong: it never brings back
        what was undone. ``set_traffic`` does that. The ladder takes the shares over as given by hand.
        """
        request: JSON = {"endpoint": endpoint, "reason": reason}
        return self.long(
            "undo_traffic",
            principal,
            idempotency_key,
            request,
            lambda actor: rolling.undo(self, **request, actor=actor),
        )
