"""One table from an error's kind to its HTTP status and to what a caller may read of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import TidegateError


@dataclass(frozen=True)
class Row:
    """``status`` of the answer; ``text`` replaces the message where it may name files or statements."""

    status: int
    text: str | None = None
    retry_after: int | None = None
    """Seconds after which trying again may help."""


TABLE: dict[str, Row] = {
    "invalid_input": Row(400),
    "settings": Row(400),
    "model_refused": Row(400),
    "unauthenticated": Row(401),
    "permission_denied": Row(403),
    "not_found": Row(404),
    "conflict": Row(409),
    "precondition": Row(412),
    "unavailable": Row(503, retry_after=1),
    "home_missing": Row(500, "the server's home is not usable"),
    "home_locked": Row(500, "the server's home is not usable"),
    "port_in_use": Row(500, "a port that the server needs is taken"),
    "artifact_corrupt": Row(500, "a stored artifact does not have the digest that names it"),
    "registry": Row(503, "the registry can't be read or written now", retry_after=1),
    "forked_process": Row(500, "internal error; the server's log has its cause"),
    "internal": Row(500, "internal error; the server's log has its cause"),
}


def public_text(error: TidegateError, home: Path) -> str:
    """What a caller may read: never a path of the server's disk, never a statement."""
    text = TABLE[error.kind].text
    return text if text is not None else str(error).replace(str(home), "<home>")
