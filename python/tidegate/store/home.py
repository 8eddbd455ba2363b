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

from tidegate.errors import ConflictError, HomeLockedError, HomeMissingError, RegistryError
from tidegate.store.artifacts import ArtifactStore
from tidegate.store.connection import Database
from tidegate.store.files import sync_folder, write_new
from tidegate.store.server_file import ServerInfo, read_server, write_server

_FOLDERS = ("artifacts", "deployments", "predictions", "labels", "drift", "features", "jobs")


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
        self.artifacts = root / "artifacts"
        self.deployments = root / "deployments"
        self.predictions = root / "predictions"
        self.labels = root / "labels"
        self.drift = root / "drift"
        self.features = root / "features"
        self.jobs = root / "jobs"
        self._lock: int | None = lock

    @classmethod
    def init(cls, path: Path, furnish: Callable[[Home, Database], None], settings: str = "") -> None:
        """Makes a home at ``path``: folders, keys, registry, ``tidegate.toml`` with the text ``settings``.

        ``furnish`` gets the locked home and its registry before anybody else can see them, to make the owner.
        The home is built beside ``path`` and renamed, so that it is there whole or not at all. What exists
        and is not an empty folder is a :class:`ConflictError`.
        """
        path = path.absolute()
        if is_home(path):
            raise ConflictError(f"{path} is a home already")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConflictError(f"{path} exists and is not an empty folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}.unfinished")
        try:
            cls._build(unfinished, furnish, settings)
            try:
                unfinished.rename(path)
            except OSError as error:
                raise ConflictError(f"{path} was made by somebody else at the same time") from error
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        sync_folder(path.parent)

    @classmethod
    def _build(cls, root: Path, furnish: Callable[[Home, Database], None], settings: str) -> None:
        root.mkdir(mode=0o700)
        for folder in _FOLDERS:
            (root / folder).mkdir(mode=0o700)
        with cls(root, _take_lock(root)) as home:
            write_new(home.settings_file, settings.encode(), 0o600)
            write_new(home.pepper_file, secrets.token_hex(32).encode(), 0o600)
            write_new(home.node_key_file, f"tgn_{secrets.token_hex(32)}\n".encode(), 0o600)
            database = Database.create(home.registry_file)
            try:
                furnish(home, database)
            finally:
                database.close()
            sync_folder(root)

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
    """Whether a home is at ``path``: a folder with a registry."""
    return (path / "registry.db").is_file()


def _take_lock(root: Path) -> int:
    """Locks the file ``lock`` and writes this process's pid into it; it is never removed, only unlocked."""
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise HomeLockedError(f"the home {root} is held by process {holder or '(unknown)'}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
