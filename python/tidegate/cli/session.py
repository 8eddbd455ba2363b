"""Where a command's verbs go: to the server that serves the home, else to the home itself."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.client import Client
    from tidegate.installation import Installation


def session(home: Path | None) -> AbstractContextManager[Client | Installation]:
    """A client when ``TIDEGATE_URL`` names a server or one serves the home, else the opened home."""
    from tidegate.settings import choose_home
    from tidegate.store.server_file import read_server

    if home is None and os.environ.get("TIDEGATE_URL"):
        return client(home)
    root = choose_home(home)
    info = read_server(root)
    if info is not None and info.control.alive():
        return client(root)
    import structlog

    from tidegate.installation import open_home

    # Standard output is the command's own; standard error is looked up when something is said.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    return open_home(root)


def client(home: Path | None) -> Client:
    """A client of the server that is meant."""
    from tidegate.client import Client

    return Client(home=home)
