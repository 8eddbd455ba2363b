"""The verbs of steering over the management API."""

from __future__ import annotations

from tidegate.client.calling import JSON, Calling


class Steering(Calling):
    """Policies, challengers and decisions, as :class:`tidegate.Installation` has them."""

    def set_rules(
        self, endpoint: str, rules: list[JSON], reason: str = "", *, idempotency_key: str | None = None
    ) -> JSON:
        """Gives an endpoint's plan the rules that decide before its weights."""
        arguments = {"endpoint": endpoint, "rules": rules, "reason": reason}
        return self._call("set_rules", arguments, idempotency_key)

    def set_policy(
        self, endpoint: str, policy: JSON, reason: str = "", *, idempotency_key: str | None = None
    ) -> JSON:
        """Says how an endpoint is steered; what ``policy`` leaves out has its default."""
        arguments = {"endpoint": endpoint, "policy": policy, "reason": reason}
        return self._call("set_policy", arguments, idempotency_key)

    def get_policy(self, endpoint: str, *, idempotency_key: str | None = None) -> JSON:
        """How an endpoint is steered."""
        return self._call("get_policy", {"endpoint": endpoint}, idempotency_key)

    def challenge(
        self,
        endpoint: str,
        version: str,
        reason: str = "",
        retraining: int | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Makes a version a challenger: a shadow first, then it climbs the policy's ladder."""
        arguments = {"endpoint": endpoint, "version": version, "reason": reason, "retraining": retraining}
        return self._call("challenge", arguments, idempotency_key)

    def steer(self, endpoint: str, until: str | None = None, *, idempotency_key: str | None = None) -> JSON:
        """Judges every pane whose labels have had their time, and moves traffic accordingly."""
        return self._call("steer", {"endpoint": endpoint, "until": until}, idempotency_key)

    def list_decisions(
        self,
        endpoint: str,
        since: str | None = None,
        all_panes: bool = False,
        *,
        idempotency_key: str | None = None,
    ) -> list[JSON]:
        """What was decided about an endpoint's traffic, oldest first; holds only with ``all_panes``."""
        arguments = {"endpoint": endpoint, "since": since, "all_panes": all_panes}
        return self._list("list_decisions", arguments, idempotency_key)

    def why(self, endpoint: str, at: str | None = None, *, idempotency_key: str | None = None) -> JSON:
        """Who answers what share, since when, because of which evidence, and what comes next."""
        return self._call("why", {"endpoint": endpoint, "at": at}, idempotency_key)

    def undo_traffic(self, endpoint: str, reason: str = "", *, idempotency_key: str | None = None) -> JSON:
        """Takes back the newest change of an endpoint's traffic; again, one plan further back."""
        return self._call("undo_traffic", {"endpoint": endpoint, "reason": reason}, idempotency_key)
