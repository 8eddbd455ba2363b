"""Retirement: a version that answers nothing leaves the plans and its stage; what it answered stays."""

from __future__ import annotations

import shlex
from typing import Any

from tidegate.errors import PreconditionError
from tidegate.installation import traffic
from tidegate.installation.opened import OpenHome
from tidegate.types import VersionInfo

JSON = dict[str, Any]


def retire(opened: OpenHome, *, model: str, number: str, reason: str, actor: str) -> JSON:
    """Retires a version; see :meth:`tidegate.Installation.retire_version`.

    A crash in between leaves a version that serves less than before and stands where it stood; the same call
    again finishes.
    """
    with opened.rolling:
        version = opened.registry.versions.get(model, number)
        stage = opened.promoter.require_retirable(version)
        entries = _serving(opened, version)
        for entry in entries:
            _require_silent(entry, version)
        for entry in entries:
            _take_out(opened, entry, version, reason, actor)
        if opened.serving is not None:
            opened.serving.until_gone(version.digest)
        with opened.registry.transaction():
            made = opened.promoter.promote(model, number, stage, reason, principal=actor)
            left = [entry["name"] for entry in entries]
            opened.audit.append(
                actor, "retire_version", f"version:{version.digest}", {"stage": stage, "left": left}, reason
            )
        return made | {"left": left}


def _serving(opened: OpenHome, version: VersionInfo) -> list[JSON]:
    """The live entries of the endpoints whose plans name the version."""
    document = opened.registry.deployments.document() or {}
    return [
        entry
        for entry in document.get("endpoints", [])
        if any(variant["digest"] == version.digest for variant in entry["variants"])
    ]


def _require_silent(entry: JSON, version: VersionInfo) -> None:
    """Refuses a version that answers any request of an endpoint."""
    if any(rule["version"] == version.version for rule in entry.get("rules", [])):
        raise PreconditionError(
            f"a rule of endpoint {entry['name']} sends requests to version {version.version}, which can't "
            f"retire; first remove it: tidegate traffic rule remove {entry['name']} NUMBER"
        )
    mine = next(variant for variant in entry["variants"] if variant["digest"] == version.digest)
    if not mine["weight"] and not mine["slots"]:
        return
    others = {
        variant["version"]: variant["weight"]
        for variant in entry["variants"]
        if variant["weight"] and variant["digest"] != version.digest
    }
    total = sum(others.values())
    shares = [f"{other}={weight / total:g}" for other, weight in others.items()] or ["VERSION=1.0"]
    raise PreconditionError(
        f"version {version.version} of {version.model} answers {mine['weight']:.2%} of the requests of "
        f"endpoint {entry['name']} and can't retire; first give its share to others: "
        f"tidegate traffic set {shlex.join([entry['name'], *shares])}"
    )


def _take_out(opened: OpenHome, entry: JSON, version: VersionInfo, reason: str, actor: str) -> None:
    """The plan of an endpoint without the version; what answers keeps its weights and slots."""
    rest = [variant for variant in entry["variants"] if variant["digest"] != version.digest]
    because = f": {reason}" if reason else ""
    traffic.set_traffic(
        opened,
        endpoint=entry["name"],
        weights={variant["version"]: variant["weight"] for variant in rest if not variant["shadow"]},
        shadows=[variant["version"] for variant in rest if variant["shadow"]],
        reason=f"version {version.version} retires{because}",
        mirror=any(variant.get("mirror", False) for variant in rest),
        actor=actor,
    )
