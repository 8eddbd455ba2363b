"""Decisions carried out: kept alone, or together with the plan that they make, failures too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.errors import TidegateError
from tidegate.installation import traffic
from tidegate.installation.opened import OpenHome
from tidegate.rollout.ladder import Wanted
from tidegate.rollout.state import State
from tidegate.types import Decision, EndpointInfo

CONTROL = "control"
"""The principal of what happens by itself."""
REASON = 500
"""Letters of a decision that a plan's reason keeps."""


def share_words(found: Mapping[str, float]) -> str:
    """Shares as people say them."""
    parts = [f"version {number} {share:.2%}" for number, share in found.items() if share]
    shadows = [number for number, share in found.items() if not share]
    return ", ".join(parts) + (f"; shadows {', '.join(shadows)}" if shadows else "")


def advice(endpoint: str, asked: Wanted) -> str:
    """The command that makes a plan."""
    parts = [
        "tidegate traffic set",
        endpoint,
        *(f"{number}={share:g}" for number, share in asked.weights.items()),
    ]
    parts += [f"--shadow {number}" for number in asked.shadows]
    return " ".join([*parts, *(["--mirror"] if asked.mirror else [])])


class Act:
    """Keeps a decision alone, or together with the plan that it makes."""

    def __init__(
        self, opened: OpenHome, endpoint: EndpointInfo, at: str, actor: str, causes: Sequence[str] = ()
    ) -> None:
        self._opened, self._endpoint = opened, endpoint
        self._at, self._actor, self._causes = at, actor, tuple(causes)

    def keep(
        self, rule: str, action: str, says: str, body: Mapping[str, Any], generation: int | None = None
    ) -> Decision:
        """Adds the decision."""
        return self._opened.registry.decisions.add(
            self._endpoint.id,
            at=self._at,
            rule=rule,
            action=action,
            says=says,
            body=body,
            principal=self._actor,
            generation=generation,
            causes=self._causes,
        )

    def carry_out(
        self,
        run: Callable[[traffic.Record], None],
        rule: str,
        says: str,
        body: Mapping[str, Any],
        *,
        stays: Any,
    ) -> Decision:
        """Lets ``run`` make a plan and keeps the decision with it; what failed is kept too, and raised.

        ``stays`` is the ladder's state when the plan can't be had.
        """
        made: list[Decision] = []
        try:
            run(lambda generation: made.append(self.keep(rule, rule, says, body, generation)))
        except TidegateError as error:
            newest = self._opened.registry.deployments.generation()
            committed = bool(made) and newest >= (made[0].generation or 0)
            failed = {**body, "state": stays, "after": body["before"], "error": str(error)}
            self.keep(
                rule,
                "taken_back" if committed else "refused",
                f"could not be done: {says} ({error})",
                failed,
                newest if committed else None,
            )
            raise
        return made[0]

    def move(
        self,
        rule: str,
        says: str,
        body: Mapping[str, Any],
        asked: Wanted,
        states: tuple[State, State],
    ) -> Decision:
        """Makes the plan that the ladder asks for; ``states`` are those with and without it."""
        moved, stays = states

        def run(record: traffic.Record) -> None:
            traffic.set_traffic(
                self._opened,
                endpoint=self._endpoint.name,
                weights=asked.weights,
                shadows=asked.shadows,
                reason=f"{rule}: {says}"[:REASON],
                mirror=asked.mirror,
                actor=self._actor,
                record=record,
            )

        full = {
            **body,
            "state": moved.to_json(),
            "after": dict.fromkeys(asked.shadows, 0.0) | asked.weights,
        }
        return self.carry_out(run, rule, says, full, stays=stays.to_json())
