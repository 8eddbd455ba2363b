"""Files that only one key opens: the age format (age-encryption.org/v1, X25519), by the library pyrage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyrage

from tidegate.errors import InvalidInputError
from tidegate.store.files import write_new

_MAGIC = b"age-encryption.org/v1\n"
_IDENTITY = "AGE-SECRET-KEY-1"


def keygen(path: Path) -> str:
    """Writes a new identity to ``path`` (mode 0600, never over a file) and returns its recipient.

    The file is what ``age-keygen`` writes. A place inside a home is refused: whoever holds the home would
    hold the key of what is sealed in it.
    """
    home = next((folder for folder in path.resolve().parents if (folder / "registry.db").is_file()), None)
    if home is not None:
        raise InvalidInputError(f"{path} lies in the home {home}; the identity must stay outside of it")
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    try:
        write_new(path, f"# public key: {recipient}\n{identity}\n".encode(), 0o600)
    except FileExistsError:
        raise InvalidInputError(f"{path} exists; an identity is never overwritten") from None
    except OSError as error:
        raise InvalidInputError(f"{path} can't be written: {error.strerror}") from None
    return recipient


def identity_in(text: str) -> str:
    """The one identity that a file of ``age-keygen`` holds; the error never shows what came."""
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line.startswith(_IDENTITY)]
    if len(found) != 1:
        raise InvalidInputError(
            f"an identity file has one line that begins with {_IDENTITY}; this one has {len(found)}. "
            "Make one: tidegate blind keygen --out FILE"
        )
    return found[0]


def seal(data: bytes, recipients: Sequence[str]) -> bytes:
    """``data`` as bytes that the identity of any of ``recipients`` (``age1...``) opens."""
    if not recipients:
        raise InvalidInputError("sealing needs a recipient, age1...: tidegate blind keygen --out FILE")
    keys = []
    for text in recipients:
        if text.startswith(_IDENTITY):
            raise InvalidInputError("that is an identity, which is secret; expected its recipient, age1...")
        try:
            keys.append(pyrage.x25519.Recipient.from_str(text))
        except pyrage.RecipientError:
            raise InvalidInputError(f"not a recipient: {text!r}; expected age1... as keygen prints") from None
    return bytes(pyrage.encrypt(data, keys))


def unseal(data: bytes, identity: str) -> bytes:
    """What was sealed to ``identity``; :class:`InvalidInputError` when it doesn't open ``data``."""
    try:
        return bytes(pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity)]))
    except (pyrage.IdentityError, pyrage.DecryptError):
        raise InvalidInputError("the identity does not open what is sealed") from None


def check_sealed(path: Path) -> None:
    """Refuses a file that isn't in the age format, before it is taken in: its rows could be read."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise InvalidInputError(f"{path} can't be read: {error.strerror}") from None
    if head != _MAGIC:
        raise InvalidInputError(
            f"{path.name} is not sealed; first: tidegate blind seal FILE --recipient age1... --out FILE.age"
        )
