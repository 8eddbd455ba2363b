"""Finding a running server: by URL and key, or by what a home says of itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import UnauthenticatedError, UnavailableError
from tidegate.settings import choose_home
from tidegate.store.server_file import read_server


@dataclass(frozen=True)
class Server:
    """Where a server is, and the key to show it."""

    url: str
    """The management API."""
    key: str | None
    data_url: str | None
    """The data port; None: the management API says it."""


def locate(
    url: str | None = None,
    key: str | None = None,
    home: str | Path | None = None,
    data_url: str | None = None,
) -> Server:
    """The server that is meant; see :class:`tidegate.Client`.

    Raises :class:`UnavailableError` when a home says that nothing serves it, and
    :class:`UnauthenticatedError` when its owner's key can't be read.
    """
    if home is None:
        url = url or os.environ.get("TIDEGATE_URL")
        key = key or os.environ.get("TIDEGATE_KEY")
    if url is not None:
        return Server(url, key, data_url)
    found = serving(choose_home(None if home is None else Path(home)), key)
    return found if data_url is None else Server(found.url, found.key, data_url)


def serving(root: Path, key: str | None = None) -> Server:
    """The server of the home at ``root``, with the owner's key unless ``key`` is given."""
    info = read_server(root)
    # A scoring process goes on answering its data port after control has crashed.
    alive = [] if info is None else [info.control, *([info.scoring] if info.scoring else [])]
    if info is None or not any(process.alive() for process in alive):
        raise UnavailableError(f"no server runs on the home {root}; start one with: tidegate serve")
    if key is None:
        try:
            key = (root / "owner.key").read_text().strip()
        except OSError as error:
            raise UnauthenticatedError(
                f"the owner's key of the home {root} can't be read ({error.strerror}); give a key"
            ) from None
    return Server(info.url(info.control_port), key, info.data)
