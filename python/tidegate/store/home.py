"""The home: the folder that holds everything of one installation, made once and held by one process."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tidegate.errors import ConflictError, HomeLockedError, HomeMissingError, RegistryError, UnavailableError
from tidegate.store.artifacts import ArtifactStore
from tidegate.store.connection import Database
from tidegate.store.files import sync_folder, write_new
from tidegate.store.server_file import ServerInfo, read_server, write_server

_FOLDERS = ("artifacts", "deployments", "predictions", "labels", "drift", "features", "jobs")
_LOCK = "lock"
_UNFINISHED = "init.unfinished"
"""Marks a folder in which :meth:`Home.init` is at work or was when it died."""


class Home:
    """A home and the lock on it; use as a context manager or :meth:`close` it."""

    def __init__(self, root: Path, lock: int) -> None:
        self.root = root
        self.registry_file = root / "registry.db"
        self.audit_file = root / "audit.jsonl"
        self.settings_file = root / "tidegate.toml"
        self.owner_key_file = root / "owner.key"
        self.node_key_file = root / "node.key"
        self.pepper_file = root / "pepper.key"
        self.mask_key_file = root / "mask.key"
        self.artifacts = root / "artifacts"
        self.deployments = root / "deployments"
        self.predictions = root / "predictions"
        self.labels = root / "labels"
        self.drift = root / "drift"
        self.features = root / "features"
        self.jobs = root / "jobs"
        self.probes = root / "probes"
        self._lock: int | None = lock

    @classmethod
    def init(cls, path: Path, furnish: Callable[[Home, Database], None], settings: str = "") -> None:
        """Makes a home at ``path``: folders, keys, registry, ``tidegate.toml`` with the text ``settings``.

        ``furnish`` gets the locked home and its registry before anybody else can open it, to make the owner.
        What exists and is not an empty folder is a :class:`ConflictError`. A failure leaves what was there
        before; after a crash the folder is no home, and the next call begins again.
        """
        path = path.absolute()
        existed = path.exists()
        if existed and not path.is_dir():
            raise ConflictError(f"{path} exists and is no folder")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with cls(path, _take_lock(path)) as home:
            _claim(path)
            try:
                home._furnish(furnish, settings)
                (path / _UNFINISHED).unlink()
            except BaseException:
                _clear(path, keep=frozenset())
                if not existed:
                    path.rmdir()
                raise
        sync_folder(path)
        sync_folder(path.parent)

    def _furnish(self, furnish: Callable[[Home, Database], None], settings: str) -> None:
        for folder in _FOLDERS:
            (self.root / folder).mkdir(mode=0o700)
        write_new(self.settings_file, settings.encode(), 0o600)
        write_new(self.pepper_file, secrets.token_hex(32).encode(), 0o600)
        write_new(self.node_key_file, f"tgn_{secrets.token_hex(32)}\n".encode(), 0o600)
        database = Database.create(self.registry_file)
        try:
            furnish(self, database)
        finally:
            database.close()
        sync_folder(self.root)

    @classmethod
    def open(cls, path: Path) -> Home:
        """Takes the lock of the home at ``path`` and clears what a crash left half written.

        Raises :class:`HomeMissingError` or :class:`HomeLockedError`. The lock goes with the process, however
        it ends, so a crash never blocks the next start.
        """
        path = path.absolute()
        if not is_home(path):
            if (path / "audit.jsonl").is_file():
                raise RegistryError(f"REGISTRY_MISSING: the home {path} has no registry.db; restore a backup")
            raise HomeMissingError(f"there is no home at {path}; make one with: tidegate init --home {path}")
        home = cls(path, _take_lock(path))
        home.artifact_store().clear_unfinished()
        return home

    def artifact_store(self) -> ArtifactStore:
        """The home's artifacts."""
        return ArtifactStore(self.artifacts)

    def database(self) -> Database:
        """Opens the registry; see :meth:`Database.open`. The caller closes it."""
        return Database.open(self.registry_file)

    def pepper(self) -> bytes:
        """The secret that API keys are hashed with."""
        return self.pepper_file.read_bytes()

    def node_key(self) -> str:
        """The key that scoring processes show to the control process."""
        return self.node_key_file.read_text().strip()

    def server(self) -> ServerInfo | None:
        """What ``server.json`` says."""
        return read_server(self.root)

    def write_server(self, info: ServerInfo) -> None:
        """Replaces ``server.json``."""
        write_server(self.root, info)

    def clear_server(self) -> None:
        """Removes ``server.json``."""
        (self.root / "server.json").unlink(missing_ok=True)

    def close(self) -> None:
        """Gives the lock back; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_home(path: Path) -> bool:
    """Whether a home is at ``path``: a folder with a registry that was made to the end."""
    return (path / "registry.db").is_file() and not (path / _UNFINISHED).exists()


def _claim(path: Path) -> None:
    """Marks a locked folder as a home in the making, after what another, dead, attempt left is cleared."""
    if is_home(path):
        raise ConflictError(f"{path} is a home already")
    if (path / _UNFINISHED).exists():
        _clear(path, keep=frozenset({_LOCK, _UNFINISHED}))
        return
    others = sorted(entry.name for entry in path.iterdir() if entry.name != _LOCK)
    if others:
        (path / _LOCK).unlink()
        raise ConflictError(f"{path} is not empty: it holds {others[0]}")
    write_new(path / _UNFINISHED, b"")
    sync_folder(path)


def _clear(path: Path, keep: frozenset[str]) -> None:
    for entry in path.iterdir():
        if entry.name in keep:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _take_lock(root: Path) -> int:
    """Locks the file ``lock`` and writes this process's pid into it; at the end it is only unlocked."""
    try:
        descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"the home {root} can't be locked: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise HomeLockedError(f"the home {root} is held by process {holder or '(unknown)'}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
