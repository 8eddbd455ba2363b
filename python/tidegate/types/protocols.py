"""What rooms ask of each other without importing each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from tidegate.types.registered import Edge


class Recorder(Protocol):
    """Writes audit entries; implemented by :class:`tidegate.audit.Audit`."""

    def append(
        self, actor: str, action: str, subject: str, detail: Mapping[str, Any], reason: str = ""
    ) -> None:
        """Adds an entry to the open transaction: it is there if and only if what it tells of is."""


class EdgeWriter(Protocol):
    """Writes lineage; implemented by :class:`tidegate.lineage.Lineage`."""

    def link(self, edges: Iterable[Edge]) -> None:
        """Adds edges to the open transaction."""


class Publisher(Protocol):
    """Brings a deployment to the scoring processes."""

    def publish(self, deployment: dict[str, Any]) -> None:
        """Makes ``deployment`` the live one, or raises and leaves the old one serving."""
