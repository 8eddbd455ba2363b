"""Replays that are kept: what a reference says of itself never changes, so each home works it out once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tidegate.monitoring.baseline import Replayed
from tidegate.monitoring.streams import Key
from tidegate.store.canonical import digest_of
from tidegate.store.files import write_atomically

METHOD = 1
"""Counts up when :func:`tidegate.monitoring.baseline.replay` gives other figures for the same rows."""


def kept(
    drift: Path, of: Mapping[str, Any], work_out: Callable[[], dict[Key, Replayed]]
) -> dict[Key, Replayed]:
    """The replay of ``of``, read from the home's drift folder, else worked out and written there.

    It lies in ``.replays/<digest of what it is of>.json``; no endpoint's name begins with a point. A file
    that is absent, torn or of something else is made again.

    Args:
        drift: the home's folder of drift counters.
        of: what determines the outcome: the digests of profile and dataset, the rows of a pane, and so on.
        work_out: gives the outcome.

    """
    named = {**of, "method": METHOD}
    path = drift / ".replays" / f"{digest_of(named).removeprefix('sha256:')}.json"
    found = _read(path, named)
    if found is None:
        found = work_out()
        path.parent.mkdir(exist_ok=True)
        rows = [[*key, one.design_effect, one.ln_m, one.note] for key, one in found.items()]
        write_atomically(path, json.dumps({"of": named, "streams": rows}).encode())
    return found


def _read(path: Path, named: Mapping[str, Any]) -> dict[Key, Replayed] | None:
    try:
        stored = json.loads(path.read_bytes())
        if stored["of"] != named:
            return None
        return {
            (role, feature, stream): Replayed(effect, ln_m, note)
            for role, feature, stream, effect, ln_m, note in stored["streams"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None
