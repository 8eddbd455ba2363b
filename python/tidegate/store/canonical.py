"""Canonical JSON (RFC 8785) and the digests made of it."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import rfc8785

from tidegate.errors import InvalidInputError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def canonical(value: Any) -> bytes:
    """The one RFC 8785 form of JSON-able data.

    Raises :class:`InvalidInputError` for what JSON can't carry exactly: NaN, infinities, integers beyond
    2^53, keys that are no strings.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidInputError(f"no canonical JSON form: {error}") from error


def parse(text: str | bytes) -> Any:
    """Reads what :func:`canonical` wrote, so that it gives the same bytes again.

    A float from 2^53 on is written without a point; read as an integer it would have no canonical form.
    """
    return json.loads(text, parse_int=_number)


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if abs(number) < 1 << 53 else float(digits)


def sha256(data: bytes) -> str:
    """The digest ``sha256:<hex>`` of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """The digest of the canonical form of JSON-able data."""
    return sha256(canonical(value))


def check_digest(digest: str) -> str:
    """Returns ``digest`` when it is one, so that no other string can become a path."""
    if not _DIGEST.fullmatch(digest):
        raise InvalidInputError(f"not a digest: {digest!r}; expected sha256: and 64 hexadecimal digits")
    return digest


def timestamp(moment: datetime) -> str:
    """A moment as the registry writes it: UTC, microseconds, sorting as text as it does in time."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
