"""The verbs of drift alarms: look at all closed panes and keep what was found, and list what is kept."""

from __future__ import annotations

from tidegate.installation.opened import JSON, Actor, OpenHome
from tidegate.installation.verdicts import verdicts


class Alarming(OpenHome):
    """The part of an installation that keeps drift alarms."""

    def check_drift(
        self, endpoint: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> JSON:
        """Scans all closed panes of every version and keeps the alarms that are not kept yet.

        Answers the open ``alarms``, the ids of those that are ``new`` and that ``ended`` since the last
        check, and the ``verdicts`` on every stream (:func:`tidegate.monitoring.alarms.report`). The panes
        alone decide: a check that was cut off is made up for by the next, and the same panes again change
        nothing. No alarm ends without panes, so those of a version that is scored no more stay open.
        """

        def run(actor: str) -> JSON:
            from tidegate.monitoring.alarms import openings

            found = self.registry.endpoints.get(endpoint).name
            judged = verdicts(self, found)
            new, ended = self.registry.alarms.record(found, openings(judged), principal=actor)
            known = self.registry.alarms.all(found, open_only=True)
            return {
                "alarms": [alarm.to_json() for alarm in known],
                "new": new,
                "ended": ended,
                "verdicts": judged,
            }

        return self.long("check_drift", principal, idempotency_key, {"endpoint": endpoint}, run)

    def list_alarms(
        self,
        endpoint: str,
        open_only: bool = False,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> list[JSON]:
        """The alarms on record, oldest first; each has the ``verdict`` of the check that opened it."""
        return self.read(
            "list_alarms",
            principal,
            idempotency_key,
            lambda: [found.to_json() for found in self.registry.alarms.all(endpoint, open_only=open_only)],
        )
