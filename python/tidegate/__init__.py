"""Tidegate keeps models honest in production. The public names; each is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.client import Client
    from tidegate.errors import TidegateError
    from tidegate.installation import Installation, init
    from tidegate.installation import open_home as open
    from tidegate.scoring import LocalEngine

__version__ = "0.1.0"
__all__ = ["Client", "Installation", "LocalEngine", "TidegateError", "__version__", "init", "open"]

_HOMES = {
    "Client": ("tidegate.client", "Client"),
    "Installation": ("tidegate.installation", "Installation"),
    "LocalEngine": ("tidegate.scoring", "LocalEngine"),
    "TidegateError": ("tidegate.errors", "TidegateError"),
    "init": ("tidegate.installation", "init"),
    "open": ("tidegate.installation", "open_home"),
}


def __getattr__(name: str) -> Any:
    """Imports lazily, so that the scoring process and the command line load only what they use."""
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'tidegate' has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), attribute)
