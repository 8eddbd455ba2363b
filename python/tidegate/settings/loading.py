"""Reading settings: flag over environment over file over default; and which home is meant."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, InitSettingsSource

from tidegate.errors import SettingsError
from tidegate.settings.model import Settings
from tidegate.settings.places import Places

FILE = "tidegate.toml"


def load(home: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the home at ``home``; without one, of flags and environment alone.

    ``flags`` are named like the settings, ``log.fsync`` for one of a section; None is a flag not given.
    Raises :class:`SettingsError` naming what is unknown or unusable and where it was found.
    """
    given = _nested({name: value for name, value in (flags or {}).items() if value is not None})
    path = None if home is None else home / FILE
    text = "" if path is None or not path.is_file() else _read(path)
    file = _parse(path, text)
    places = Places(path, text, file, given)
    places.refuse_unknown()
    sources = (
        InitSettingsSource(Settings, given),
        EnvSettingsSource(Settings),
        InitSettingsSource(Settings, file),
    )
    try:
        arguments: dict[str, Any] = {"_build_sources": (sources, {})}
        return Settings(**arguments)
    except ValidationError as error:
        problems = [
            f"{places.of('.'.join(map(str, fault['loc'])))}: {fault['msg']}; got {_shown(fault['input'])}"
            for fault in error.errors(include_url=False)
        ]
        raise SettingsError("; ".join(problems)) from error


def choose_home(flag: Path | None = None, folder: Path | None = None) -> Path:
    """Which home is meant: ``flag``, else ``TIDEGATE_HOME``, else ``tidegate.toml``'s, else ``.tidegate``.

    The file is looked for in ``folder`` (default: the working directory). It either names the home, with its
    one key ``home``, or lies in the home itself. The home need not exist.
    """
    folder = Path.cwd() if folder is None else folder
    if flag is not None:
        return flag
    if named := os.environ.get("TIDEGATE_HOME"):
        return Path(named)
    if (folder / "registry.db").is_file():
        return folder
    path = folder / FILE
    if not path.is_file():
        return folder / ".tidegate"
    pointer = _parse(path, _read(path))
    others = sorted(pointer.keys() - {"home"})
    if others:
        raise SettingsError(
            f"{path}: {others[0]!r} has no place here; only 'home' does, all else is in the home's own {FILE}"
        )
    home = pointer.get("home", ".tidegate")
    if not isinstance(home, str) or not home:
        raise SettingsError(f"{path}: home must be a path; got {_shown(home)}")
    return folder / home


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return result


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error


def _parse(path: Path | None, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from error


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
