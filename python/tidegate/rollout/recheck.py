"""Decisions made again from what they keep, with no log: the auditor's check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.rollout.adoption import adopt
from tidegate.rollout.ladder import step
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Facts, State
from tidegate.types import Decision

_FACTS = ("pane", "versions", "pairs", "assignments", "mirror")


def recheck(decisions: Iterable[Decision], policies: Mapping[int, Policy]) -> list[int]:
    """The ids of decisions that do not follow from the panes that they keep; none when all do.

    Args:
        decisions: all of one endpoint, oldest first.
        policies: by id.

    Policies, challenges and undos are people's acts: their state is taken as it stands.

    """
    wrong: list[int] = []
    state: State | None = None
    earlier: State | None = None
    for decision in decisions:
        body = decision.body
        if "pane" in body:
            start = earlier if decision.action == "taken_back" else state
            if not _follows(decision, start, policies[body["policy"]]):
                wrong.append(decision.id)
        earlier = state
        state = None if body.get("state") is None else State.model_validate(body["state"])
    return wrong


def _follows(decision: Decision, start: State | None, policy: Policy) -> bool:
    body = decision.body
    facts = Facts.model_validate({name: body[name] for name in _FACTS})
    before = State(policy=body["policy"], basis=policy.basis) if start is None else start
    state, notes = adopt(before, facts.versions, facts.pane.now, policy, body["policy"])
    state = state.changed(done_until=facts.pane.end)
    if notes != body["notes"]:
        return False
    if facts.empty:
        return decision.rule == "no_data" and state.to_json() == body["state"]
    made = step(state, facts, policy)
    stays = decision.action in {"refused", "taken_back"} or decision.rule == "advise"
    kept = made.observed if stays else made.moved
    says, follows = (decision.action, made.move) if decision.rule == "advise" else (decision.rule, made.rule)
    return (
        says == follows
        and [event.to_json() for event in made.events] == body["events"]
        and _without_places(kept.to_json()) == _without_places(body["state"])
    )


def _without_places(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state but for whether the plan had a challenger yet, which acting on it tells."""
    challengers = [
        {name: value for name, value in known.items() if name != "placed"} for known in state["challengers"]
    ]
    return {**state, "challengers": challengers}
