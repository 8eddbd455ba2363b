"""Rollback: a version that crashed scoring twice leaves all plans, and who answered before does again."""

from __future__ import annotations

import math
from typing import Any

import structlog

from tidegate.errors import TidegateError
from tidegate.installation import traffic
from tidegate.installation.opened import OpenHome
from tidegate.types import VersionInfo

JSON = dict[str, Any]
CONTROL = "control"
LEAST = 1e-12
"""A share below it is a rounding."""

log = structlog.get_logger()


def put_away(opened: OpenHome, digest: str, reason: str, detail: JSON) -> None:
    """Quarantines a version and takes it out of every plan; what it answered goes to who answered before it.

    A plan that nobody else was ever in stays as it is: no endpoint is left without a version.
    """
    with opened.rolling:
        version = opened.registry.versions.by_digest(digest)
        opened.registry.quarantines.add(digest, reason, principal=CONTROL, detail=detail)
        log.error("version quarantined", model=version.model, version=version.version, reason=reason)
        document = opened.registry.deployments.document() or {}
        for entry in document.get("endpoints", []):
            if any(variant["digest"] == digest for variant in entry["variants"]):
                _take_out(opened, entry, version, reason)


def _take_out(opened: OpenHome, entry: JSON, version: VersionInfo, reason: str) -> None:
    """Gives the version's share to the versions that answered before it came, else to those that are left."""
    name = entry["name"]
    rest = {
        variant["version"]: variant["weight"]
        for variant in entry["variants"]
        if variant["digest"] != version.digest and not variant["shadow"]
    }
    mine = 1.0 - math.fsum(rest.values())
    tries = [heirs for heirs in (_before(opened, name, version), rest) if math.fsum(heirs.values()) > 0]
    for heirs in tries if mine > LEAST else [{}]:
        total = math.fsum(heirs.values())
        weights = dict(rest)
        for number, weight in heirs.items():
            weights[number] = weights.get(number, 0.0) + mine * weight / total
        shadows = [
            variant["version"]
            for variant in entry["variants"]
            if variant["shadow"] and variant["digest"] != version.digest and variant["version"] not in weights
        ]
        try:
            traffic.set_traffic(
                opened,
                endpoint=name,
                weights=weights,
                shadows=shadows,
                reason=f"version {version.version} is in quarantine: {reason}",
                mirror=any(variant.get("mirror", False) for variant in entry["variants"]),
                actor=CONTROL,
            )
        except TidegateError as error:
            log.error("a quarantined version is still in a plan", endpoint=name, error=str(error))  # noqa: TRY400
        else:
            return
    with opened.registry.transaction():
        detail = {"endpoint": name, "digest": version.digest}
        opened.audit.append(CONTROL, "quarantine_kept", f"endpoint:{name}", detail, "nobody else can answer")


def _before(opened: OpenHome, endpoint: str, version: VersionInfo) -> dict[str, float]:
    """The shares in the endpoint's newest plan without the version and without others in quarantine."""
    away = {row["digest"] for row in opened.registry.quarantines.all()} | {version.digest}
    for plan in reversed(opened.registry.deployments.history(endpoint)):
        if not any(variant.digest in away for variant in plan.variants):
            return {variant.version: variant.weight for variant in plan.variants if variant.weight > 0}
    return {}
