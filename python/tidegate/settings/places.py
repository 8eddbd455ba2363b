"""Where settings were found, to name them in errors, and which names are none."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import SettingsError
from tidegate.settings.model import PREFIX, SECTIONS, Settings

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")


_KEY = re.compile(r"\s*\"?([A-Za-z0-9_.-]+)\"?\s*=")


_OTHER_NAMES = ("TIDEGATE_HOME", "TIDEGATE_URL", "TIDEGATE_KEY", "TIDEGATE_ORT_LIBRARY")
"""Names of the environment that are no settings and mean something elsewhere."""


class Places:
    """Where settings were found, to name them in errors."""

    def __init__(self, path: Path | None, text: str, file: dict[str, Any], flags: dict[str, Any]) -> None:
        self._path = path
        self._text = text
        self._in_file = set(_keys(file))
        self._in_flags = set(_keys(flags))
        self._in_environment = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}

    def of(self, key: str) -> str:
        """The place that ``key``, or what holds it, was read from, the strongest first."""
        found = key
        while found:
            if found in self._in_flags:
                return _flag(key)
            if _variable(found) in self._in_environment:
                return _variable(found)
            if found in self._in_file:
                return self._line(found, key)
            found = found.rpartition(".")[0]
        return f"settings: {key}" if key else "settings"

    def refuse_unknown(self) -> None:
        """Raises :class:`SettingsError` for every name that is no setting, with the nearest that is."""
        known = sorted(_known())
        variables = {_variable(key): _variable(key) for key in known} | {name: name for name in _OTHER_NAMES}
        problems = _unknown(self._in_flags, {key: _flag(key) for key in known}, _flag)
        problems += _unknown(self._in_environment, variables, str)
        problems += _unknown(self._in_file, {key: key for key in known}, self._line)
        if problems:
            raise SettingsError("; ".join(problems))

    def _line(self, found: str, key: str | None = None) -> str:
        line = _line_of(self._text, found)
        return f"{self._path}{'' if line is None else f':{line}'}: {key or found}"


def _unknown(found: set[str], known: Mapping[str, str], place: Callable[[str], str]) -> list[str]:
    """A sentence for each name that is not known; ``known`` maps names to how they are shown."""
    problems = []
    for name in sorted(found - known.keys() - Settings.model_fields.keys()):
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        problems.append(f"{place(name)} is no setting; the nearest is {known[nearest[0]]}")
    return problems


def _known() -> Iterator[str]:
    """The names of all settings, those of a section dotted."""
    yield from (name for name in Settings.model_fields if name not in SECTIONS)
    yield from (f"{section}.{name}" for section, model in SECTIONS.items() for name in model.model_fields)


def _keys(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _flag(key: str) -> str:
    return "--" + key.replace("_", "-").replace(".", "-")


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "__")


def _line_of(text: str, key: str) -> int | None:
    """The line of a dotted key, counted from 1; None where the file writes it in some rarer way."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header[1].strip() + "."
        elif (name := _KEY.match(line)) and section + name[1] == key:
            return number
    return None
