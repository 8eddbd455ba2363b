"""What every table of the registry is written with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidegate.errors import InvalidInputError
from tidegate.store import ArtifactStore, Database
from tidegate.store.canonical import timestamp
from tidegate.types import Clock, EdgeWriter, Recorder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Ledger:
    """The database, what is recorded beside it, and the time."""

    database: Database
    artifacts: ArtifactStore
    audit: Recorder
    lineage: EdgeWriter
    clock: Clock

    def now(self) -> str:
        """The time as the registry writes it."""
        return timestamp(self.clock())


def check_name(kind: str, name: str) -> str:
    """Returns a name that can stand in a path and in a URL, and refuses any other."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"not a name for {kind}: {name!r}; expected 1 to 100 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return name
