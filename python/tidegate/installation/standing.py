"""How an endpoint stands now: its plan, its policy, what its ladder knows, and its own time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidegate.errors import InvalidInputError, NotFoundError, PreconditionError
from tidegate.installation import traffic
from tidegate.installation.opened import OpenHome
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Lives, State
from tidegate.types import Decision, EndpointInfo, PolicyInfo, TrafficPlan


def moment(text: str) -> datetime:
    """A time as people write it; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is no time; write it like 2013-03-01T12:00:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def newest_event(opened: OpenHome, endpoint: str, since: datetime | None = None) -> datetime | None:
    """The latest event time in an endpoint's log, of those from ``since`` on; None when there is none."""
    import polars as pl

    from tidegate.monitoring import logs

    found = logs.predictions(opened.home.root, endpoint, since).select(pl.col("event_time").max()).collect()
    latest: datetime | None = found.item()
    return latest


def event_now(opened: OpenHome, endpoint: str, since: datetime | None = None) -> datetime:
    """How far the endpoint's own time has come: its newest event, and never beyond the clock."""
    clock = opened.clock()
    latest = newest_event(opened, endpoint, since)
    return clock if latest is None else min(clock, latest)


def lives(opened: OpenHome, endpoint: EndpointInfo) -> Lives:
    """The plan that answers now; :class:`PreconditionError` when there is none."""
    plan = live_plan(opened, endpoint)
    if plan is None:
        raise PreconditionError(
            f"endpoint {endpoint.name!r} has no traffic plan yet: "
            f"tidegate traffic set {endpoint.name} VERSION=1.0"
        )
    return Lives(
        weights=weights_of(plan),
        shadows=tuple(variant.version for variant in plan.variants if variant.shadow),
        mirror=any(variant.mirror for variant in plan.variants),
        barred=frozenset(
            variant.version for variant in plan.variants if _barred(opened, endpoint, variant.version)
        ),
    )


def live_plan(opened: OpenHome, endpoint: EndpointInfo) -> TrafficPlan | None:
    """The newest plan, if it is served."""
    try:
        traffic.get_traffic(opened, endpoint.name)
    except NotFoundError:
        return None
    return opened.registry.deployments.plan(endpoint.name)


def weights_of(plan: TrafficPlan | None) -> dict[str, float]:
    """The versions that a plan lets answer, with their shares."""
    return {
        variant.version: variant.weight
        for variant in (plan.variants if plan is not None else [])
        if not variant.shadow and variant.weight > 0
    }


def shares(found: Lives) -> dict[str, float]:
    """Every version in the plan with its share; shadows have 0."""
    return dict.fromkeys(found.shadows, 0.0) | found.weights


def _barred(opened: OpenHome, endpoint: EndpointInfo, number: str) -> bool:
    version = opened.registry.versions.get(endpoint.model, number)
    try:
        opened.promoter.require_servable({number: version}, [number], [])
    except PreconditionError:
        return True
    return False


def policy_of(opened: OpenHome, endpoint: EndpointInfo) -> tuple[PolicyInfo, Policy]:
    """The policy that holds; :class:`NotFoundError` says how to set one."""
    info = opened.registry.policies.newest(endpoint.id)
    if info is None:
        raise NotFoundError(
            f"endpoint {endpoint.name!r} has no policy: "
            f"tidegate rollout set-policy {endpoint.name} --mode advise"
        )
    return info, Policy.read(info.body)


def state_of(last: Decision | None, info: PolicyInfo, policy: Policy) -> State:
    """What the ladder knew after the newest decision."""
    if last is None or last.body.get("state") is None:
        return State(policy=info.id, basis=policy.basis)
    return State.model_validate(last.body["state"])


def named(found: Decision | PolicyInfo, endpoint: EndpointInfo) -> dict[str, Any]:
    """As JSON, with the endpoint's name."""
    return found.to_json() | {"endpoint": endpoint.name}
