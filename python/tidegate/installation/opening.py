"""Making and opening a home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate import settings
from tidegate.access import Access
from tidegate.audit import Audit
from tidegate.installation.installation import Installation
from tidegate.installation.traffic import roll_forward
from tidegate.store import Database, Home
from tidegate.store.files import write_new
from tidegate.types import Clock, utc_now


def init(path: str | Path | None = None, *, trial: bool = False, clock: Clock = utc_now) -> dict[str, Any]:
    """Makes a home at ``path`` (default: where :func:`tidegate.settings.choose_home` says).

    Writes the owner's key to ``owner.key``, readable by the owner alone. The settings of a ``trial`` home let
    traffic go to versions that passed no gate. Raises :class:`ConflictError` for
    what exists. Answers where ``home`` and ``owner_key`` lie.
    """
    root = settings.choose_home(None if path is None else Path(path)).absolute()

    def furnish(home: Home, database: Database) -> None:
        access = Access(database, Audit(database, home.audit_file, clock), home.pepper(), clock)
        write_new(home.owner_key_file, f"{access.found()}\n".encode(), 0o600)

    Home.init(root, furnish, settings.template(trial=trial))
    return {"home": str(root), "owner_key": str(root / "owner.key")}


def open_home(
    path: str | Path | None = None, *, flags: Mapping[str, Any] | None = None, clock: Clock = utc_now
) -> Installation:
    """Opens the home at ``path`` and holds its lock until the installation is closed; acts as the owner.

    ``flags`` are settings that go over the environment and the home's file. Raises
    :class:`HomeMissingError`, :class:`HomeLockedError`, :class:`SettingsError` or :class:`RegistryError`.
    """
    root = settings.choose_home(None if path is None else Path(path))
    home = Home.open(root)
    try:
        installation = Installation(home, settings.load(home.root, flags), clock=clock)
    except BaseException:
        home.close()
        raise
    try:
        roll_forward(installation)
    except BaseException:
        installation.close()
        raise
    return installation
