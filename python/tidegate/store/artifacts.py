"""Content-addressed files: named by the sha256 of their bytes, whole or absent, verified when read."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from tidegate.errors import ArtifactCorruptError, InvalidInputError, NotFoundError, UnavailableError
from tidegate.store.canonical import check_digest
from tidegate.store.files import sync_folder

_CHUNK = 1 << 20


class ArtifactStore:
    """The folder ``artifacts/``: ``sha256/<2 hex>/<62 hex>``, and ``tmp/`` for what is not whole yet."""

    def __init__(self, root: Path, limit_bytes: int = 4 << 30) -> None:
        self._folder = root / "sha256"
        self._unfinished = root / "tmp"
        self._limit = limit_bytes
        for folder in (self._folder, self._unfinished):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, source: bytes | Path) -> str:
        """Stores bytes or the file at a path and returns the digest; a damaged copy is replaced."""
        if isinstance(source, bytes):
            return self._write([source])
        try:
            with source.open("rb") as file:
                return self._write(iter(lambda: file.read(_CHUNK), b""))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFoundError(f"there is no file {source}") from error

    def _write(self, chunks: Iterable[bytes]) -> str:
        temporary = self._unfinished / uuid.uuid4().hex
        hasher, size = hashlib.sha256(), 0
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if size > self._limit:
                        raise InvalidInputError(f"an artifact has at most {self._limit} bytes")
                    hasher.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                if os.fstat(file.fileno()).st_nlink != 1:
                    raise UnavailableError("the unfinished artifact was linked to from elsewhere; try again")
            return self._place(temporary, hasher.hexdigest())
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise UnavailableError(f"the artifact can't be stored: {error.strerror}") from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _place(self, temporary: Path, digest: str) -> str:
        folder = self._folder / digest[:2]
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._folder)
        temporary.rename(folder / digest[2:])
        sync_folder(folder)
        return f"sha256:{digest}"

    def path(self, digest: str) -> Path:
        """Where the artifact lies; :class:`NotFoundError` when it does not. The bytes are not verified."""
        path = self._locate(digest)
        if not path.is_file():
            raise NotFoundError(f"there is no artifact {digest}")
        return path

    def __contains__(self, digest: str) -> bool:
        return self._locate(digest).is_file()

    def get(self, digest: str) -> bytes:
        """The bytes, hashed before they are handed out: what is returned is what has that digest."""
        try:
            descriptor = os.open(self._locate(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise NotFoundError(f"there is no artifact {digest}") from error
        with os.fdopen(descriptor, "rb") as file:
            data = file.read()
        _compare(digest, hashlib.sha256(data).hexdigest())
        return data

    def verify(self, digest: str) -> int:
        """Hashes the file piece by piece: its size in bytes, or :class:`ArtifactCorruptError`."""
        hasher, size = hashlib.sha256(), 0
        with self.path(digest).open("rb") as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
                size += len(chunk)
        _compare(digest, hasher.hexdigest())
        return size

    def __iter__(self) -> Iterator[str]:
        """The digests of all artifacts, sorted."""
        for folder in sorted(self._folder.iterdir()):
            for file in sorted(folder.iterdir()):
                yield f"sha256:{folder.name}{file.name}"

    def clear_unfinished(self) -> int:
        """Removes what a crash left half written, and returns how many files that were."""
        left = list(self._unfinished.iterdir())
        for file in left:
            file.unlink()
        return len(left)

    def _locate(self, digest: str) -> Path:
        name = check_digest(digest).removeprefix("sha256:")
        return self._folder / name[:2] / name[2:]


def _compare(wanted: str, found: str) -> None:
    if wanted != f"sha256:{found}":
        raise ArtifactCorruptError(f"ARTIFACT_HASH_MISMATCH: wanted {wanted}, the file has sha256:{found}")
