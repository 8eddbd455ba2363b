"""One installation: a home opened by one process, and every verb that the three faces share."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.installation.installation import Installation
    from tidegate.installation.opening import init, open_home

__all__ = ["Installation", "init", "open_home"]

_PLACES = {"Installation": "installation", "init": "opening", "open_home": "opening"}


def __getattr__(name: str) -> Any:
    """Imports lazily: the client needs the verb table and nothing of the registry."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
