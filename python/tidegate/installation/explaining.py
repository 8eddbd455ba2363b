"""Why traffic is as it is: decisions and plans in words."""

from __future__ import annotations

from typing import Any

from tidegate.errors import NotFoundError
from tidegate.installation import traffic
from tidegate.installation.acting import share_words
from tidegate.installation.opened import OpenHome
from tidegate.installation.standing import moment, named
from tidegate.rollout import words
from tidegate.rollout.climbing import Event
from tidegate.store.canonical import timestamp
from tidegate.types import Decision, EndpointInfo


def decisions(opened: OpenHome, endpoint: str, since: str | None, *, all_panes: bool) -> list[dict[str, Any]]:
    """Decisions of an endpoint; see :meth:`tidegate.Installation.list_decisions`."""
    found = opened.registry.endpoints.get(endpoint)
    start = None if since is None else timestamp(moment(since))
    kept = opened.registry.decisions.all(found.id, start, holds=all_panes)
    return [named(decision, found) for decision in kept]


def why(opened: OpenHome, endpoint: str, at: str | None) -> dict[str, Any]:
    """The plan and its reasons; see :meth:`tidegate.Installation.why`."""
    found = opened.registry.endpoints.get(endpoint)
    until = None if at is None else timestamp(moment(at))
    newest = opened.registry.decisions.newest(found.id, until)
    mover = opened.registry.decisions.mover(found.id, until)
    plan = _plan(opened, found, until, mover)
    made = mover if mover is not None and mover.generation == plan["generation"] else None
    return {
        "endpoint": found.name,
        "says": [*_who(plan, made), *_evidence(opened, found, newest), *_next(opened, found, newest)],
        "decision": None if made is None else named(made, found),
        "newest": None if newest is None else named(newest, found),
        "plan": plan,
    }


def _plan(
    opened: OpenHome,
    endpoint: EndpointInfo,
    until: str | None,
    mover: Decision | None,
) -> dict[str, Any]:
    """The plan now, or at an event time, as decisions tell it; without any, the one made last before it."""
    if until is None:
        return traffic.get_traffic(opened, endpoint.name)
    made = opened.registry.decisions.made(endpoint.id)
    if not made:
        return opened.graph.plan_at_time(endpoint.name, until)
    generation = min(made) - 1 if mover is None else mover.generation
    plan = opened.registry.deployments.plan(endpoint.name, generation)
    if plan is None:
        raise NotFoundError(f"endpoint {endpoint.name!r} had no traffic plan at {until}")
    return plan.to_json()


def _who(plan: dict[str, Any], made: Decision | None) -> list[str]:
    shares = {row["version"]: 0.0 if row["shadow"] else row["weight"] for row in plan["variants"]}
    since = (
        f"since {made.at:%Y-%m-%d %H:%M} (generation {plan['generation']})"
        if made is not None
        else f"since generation {plan['generation']}, made {plan['created_at']} by {plan['created_by']}"
    )
    says = [f"{share_words(shares)}, {since}"]
    if made is not None:
        says.append(f"because ({made.rule}): {made.says}")
    elif plan["reason"]:
        says.append(f"because: {plan['reason']}")
    return says


def _evidence(opened: OpenHome, endpoint: EndpointInfo, newest: Decision | None) -> list[str]:
    """The figures of the last pane that was judged."""
    pane = newest
    if newest is not None and "pane" not in newest.body:
        kept = opened.registry.decisions.all(endpoint.id)
        pane = next((row for row in reversed(kept) if row.id <= newest.id and "pane" in row.body), None)
    if pane is None:
        return ["no pane of outcomes has been judged yet"]
    body = pane.body
    says = []
    floor = body.get("floor")
    if floor:
        verdict = "broken" if floor["broken"] else "held"
        says.append(
            f"floor {verdict}: mean loss {floor['loss']:.4f} over {floor['window']} panes, allowed "
            f"{floor['threshold']:g} (evidence of a break {words.odds(floor['ln_m'])}, needed "
            f"{words.odds(floor['ln_alarm'])})"
        )
    for number, found in body.get("versions", {}).items():
        if found["keys"]:
            says.append(
                f"version {number} ({found['role']}): loss {found['loss']:.4f} on {found['keys']} keys in "
                f"the pane from {body['pane']['begin'][:16].replace('T', ' ')}, "
                f"{found['unlabelled']} rows unlabelled"
            )
    for number, found in body.get("evidence", {}).items():
        says.append(
            f"evidence on version {number}: not worse {words.odds(found['ln_ni'])}, better "
            f"{words.odds(found['ln_sup'])}, worse {words.odds(found['ln_harm'])}"
        )
    return says


def _next(opened: OpenHome, endpoint: EndpointInfo, newest: Decision | None) -> list[str]:
    """What would have to happen for traffic to move."""
    info = opened.registry.policies.newest(endpoint.id)
    if info is None:
        return [f"nobody steers: tidegate rollout set-policy {endpoint.name} --mode advise"]
    if info.body.get("mode") == "off":
        return [f"the policy is off: tidegate rollout set-policy {endpoint.name} --mode auto"]
    if newest is not None and newest.rule == "advise":
        return [f"next: {newest.says}"]
    events = [] if newest is None else [Event.model_validate(row) for row in newest.body.get("events", [])]
    rivals = {} if newest is None else newest.body.get("evidence", {})
    waiting = [
        event.says
        for event in events
        if event.rule == "freeze_srm"
        or (event.rule in {"shadow", "cooldown", "hold"} and event.version in rivals)
    ]
    if waiting:
        return [f"next: {says}" for says in waiting]
    if rivals:
        return ["next: the next pane of outcomes decides"]
    floor = info.body.get("floor")
    breaks = "" if floor is None else f"the floor of {floor['threshold']:g} breaks, or "
    return [f"next: nothing moves until {breaks}tidegate rollout challenge {endpoint.name} VERSION"]
