"""Quarantine: versions that crashed scoring enter no plan until an operator lets them go."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from tidegate.errors import InvalidInputError, PreconditionError
from tidegate.installation.opened import OpenHome
from tidegate.types import VersionInfo

JSON = dict[str, Any]


def release(opened: OpenHome, *, model: str, number: str, reason: str, actor: str) -> JSON:
    """Lets a version go; see :meth:`tidegate.Installation.release_version`."""
    if not reason.strip():
        raise InvalidInputError("reason: say why the version may serve again")
    version = opened.registry.versions.get(model, number)
    if opened.registry.quarantines.open(version.digest) is None:
        raise PreconditionError(f"version {number} of {model} is in no quarantine")
    return shown(opened.registry.quarantines.release(version.digest, reason, principal=actor))


def listed(opened: OpenHome, model: str | None = None) -> list[JSON]:
    """The versions in quarantine, of one model or of all."""
    rows = opened.registry.quarantines.all()
    return [shown(row) for row in rows if model in (None, row["model"])]


def shown(row: JSON) -> JSON:
    """A quarantine as verbs answer it."""
    return {name: value for name, value in row.items() if name != "id"}


def require_free(opened: OpenHome, versions: Iterable[VersionInfo]) -> None:
    """Refuses versions that are in quarantine."""
    for version in versions:
        held = opened.registry.quarantines.open(version.digest)
        if held is not None:
            command = shlex.join(["tidegate", "version", "release", version.model, version.version])
            raise PreconditionError(
                f"version {version.version} of {version.model} is in quarantine since {held['created_at']}: "
                f"{held['reason']}; an operator lets it go with: {command} --reason WHY"
            )
