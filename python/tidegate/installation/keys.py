"""API keys: issued once, and shown that once."""

from __future__ import annotations

from typing import Any

from tidegate.installation.opened import OpenHome


def create(
    opened: OpenHome, name: str, role: str | None, actor: str, idempotency_key: str | None
) -> dict[str, Any]:
    """Issues a key. The kept answer has no secret: the same request again answers ``key`` None."""
    request = {"name": name, "role": role}
    idempotency = opened.registry.idempotency
    if idempotency_key is not None:
        known = idempotency.replay(actor, idempotency_key, "create_key", request)
        if known is not None:
            answer: dict[str, Any] = known["response"]
            return answer
    with opened.database.transaction():
        secret = opened.access.create_key(name, role, principal=actor)
        shown = {"id": secret.split("_")[1], "principal": name, "key": None}
        if idempotency_key is not None:
            idempotency.remember(actor, idempotency_key, "create_key", request, shown)
    return shown | {"key": secret}
