"""What served at a moment: the plans that held then, and what was known of each version in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tidegate.errors import InvalidInputError
from tidegate.installation.opened import OpenHome
from tidegate.store.canonical import timestamp
from tidegate.types import EndpointInfo

JSON = dict[str, Any]

_TIME = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d))?")


def as_of(opened: OpenHome, moment: str, endpoint: str | None) -> JSON:
    """The plans of a moment; see :meth:`tidegate.Installation.as_of`."""
    when = parse_moment(moment)
    now = opened.clock()
    if when > now:
        raise InvalidInputError(f"{timestamp(when)} has not come yet; it is {timestamp(now)}")
    registry = opened.registry
    asked = registry.endpoints.all() if endpoint is None else [registry.endpoints.get(endpoint)]
    at = timestamp(when)
    generation = registry.deployments.generation_at(at)
    document = registry.deployments.document(generation) or {}
    live = {entry["id"] for entry in document.get("endpoints", [])}
    told = [_endpoint(opened, found, at, live=found.id in live) for found in asked]
    return {
        "moment": at,
        "generation": generation,
        "says": None if generation else f"nothing served at {at}: {_first(opened)}",
        "endpoints": told,
    }


def parse_moment(text: str) -> datetime:
    """A moment in UTC; :class:`InvalidInputError` for what is neither RFC 3339 nor a date."""
    wrong = InvalidInputError(
        f"{text!r} is no time; expected RFC 3339, such as 2013-03-01T12:00:00Z, or a date, such as 2013-03-01"
    )
    if not _TIME.fullmatch(text):
        raise wrong
    try:
        found = datetime.fromisoformat(text.upper())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None


def _first(opened: OpenHome) -> str:
    made = opened.registry.deployments.all()
    return f"the first deployment was made at {timestamp(made[0].created_at)}" if made else "nothing ever has"


def _endpoint(opened: OpenHome, found: EndpointInfo, at: str, *, live: bool) -> JSON:
    told: JSON = {"endpoint": found.name, "model": found.model, "says": None, "plan": None}
    if not live:
        made = timestamp(found.created_at)
        absent = f"endpoint {found.name} had no traffic plan at {at}"
        return told | {"says": f"{absent}: it was made at {made}" if made > at else absent}
    plan = opened.graph.plan_at_time(found.name, at)
    variants = [variant | opened.graph.version_at(variant["digest"], at) for variant in plan["variants"]]
    return told | {"plan": plan | {"variants": variants}}
