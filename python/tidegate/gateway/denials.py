"""Whom the scoring process refused, written into the audit log in lines of counts."""

from __future__ import annotations

import json
from typing import Any

from tidegate.installation import Installation

SCORING = "scoring"
"""The principal of lines about the scoring port."""


class Denials:
    """Remembers what was recorded of one scoring process; its counts begin anew with each."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._pid: int | None = None
        self._recorded: dict[str, int] = {}

    def record(self, status: dict[str, Any] | None) -> None:
        """Writes one line with what was refused since the last one; nothing when nothing was."""
        if status is None:
            return
        if status["pid"] != self._pid:
            self._pid, self._recorded = status["pid"], {}
        new = []
        counts = {}
        for denial in status.get("denied", []):
            count = denial.pop("count")
            name = json.dumps(denial, sort_keys=True)
            counts[name] = count
            if count > self._recorded.get(name, 0):
                new.append(denial | {"count": count - self._recorded.get(name, 0)})
        if new:
            with self._installation.database.transaction():
                audit = self._installation.audit
                audit.append(SCORING, "access.denied", f"process:{self._pid}", {"denied": new})
        self._recorded = counts
