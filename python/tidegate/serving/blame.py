"""Whom a crash is blamed on: the marks that the scoring process left, and the deployment that it had."""

from __future__ import annotations

import json
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKS = "scoring.marks"
"""A file of the home: 64-byte lines, the first the header, one for each thread that ran a model."""
_MAGIC = b"TGMARKS1"
_LINE = 64
CRASHES = frozenset(
    number.value
    for number in (
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGABRT,
        signal.SIGTRAP,
    )
)
"""Signals that come from within. SIGKILL comes from an operator or the kernel short of memory."""


@dataclass(frozen=True)
class Marks:
    """What ran when the process ended; a model's name are the first sixteen digits of its bytes' digest."""

    running: frozenset[str] = frozenset()
    crashed: str | None = None
    """What the thread ran in which a fatal signal arose."""
    fatal: bool = False
    """Whether one arose."""


@dataclass(frozen=True)
class Suspect:
    """The version that a crash is blamed on."""

    model: str
    version: str
    digest: str
    certain: bool
    """Whether it ran where the crash was; else it is what was installed last of what may have."""

    @property
    def name(self) -> str:
        """Model and version."""
        return f"{self.model} {self.version}"


def read_marks(home: Path) -> Marks:
    """What the file of marks says; nothing where there is none or it is no such file."""
    try:
        data = (home / MARKS).read_bytes()
    except OSError:
        return Marks()
    if not data.startswith(_MAGIC) or len(data) < _LINE:
        return Marks()
    lines = [struct.unpack_from("<QI", data, start) for start in range(0, len(data) - 15, _LINE)]
    (_, fatal), *slots = lines
    running = {thread: f"{mark:016x}" for mark, thread in slots if mark and thread}
    return Marks(frozenset(running.values()), running.get(fatal), bool(fatal))


def suspect(deployments: Path, marks: Marks) -> Suspect | None:
    """The version to blame, by the marks; where they leave a choice, the one that was installed last."""
    newest = next(_documents(deployments), None)
    if newest is None:
        return None
    live = _variants(newest)
    # A signal in a thread that ran no model says nothing about those that others ran.
    others = frozenset() if marks.fatal else marks.running
    named = _of(live, {marks.crashed} if marks.crashed else others)
    if marks.crashed and not named:
        # What the newest deployment lacks was still served when it was being installed.
        named = next(
            filter(None, (_of(_variants(old), {marks.crashed}) for old in _documents(deployments))), []
        )
    certain = len({variant["digest"] for variant in named}) == 1
    choice = _last_installed(deployments, named or live)
    if choice is None:
        return None
    return Suspect(choice["model"], choice["version"], choice["digest"], certain)


def _of(variants: list[dict[str, Any]], marks: set[str] | frozenset[str]) -> list[dict[str, Any]]:
    return [
        variant for variant in variants if str(variant.get("onnx", "")).removeprefix("sha256:")[:16] in marks
    ]


def _last_installed(deployments: Path, variants: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The one of ``variants`` that came last into the deployments and has not left them since."""
    left = {variant["digest"]: variant for variant in variants}
    for document in _documents(deployments):
        here = {variant["digest"] for variant in _variants(document)}
        came = [variant for digest, variant in left.items() if digest not in here]
        if came and len(came) < len(variants):
            return came[-1]
    return variants[-1] if variants else None


def _documents(deployments: Path) -> Iterator[dict[str, Any]]:
    """The deployments on disk, newest first."""
    generations = sorted(int(path.stem) for path in deployments.glob("*.json") if path.stem.isdecimal())
    for generation in reversed(generations):
        try:
            document = json.loads((deployments / f"{generation}.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(document, dict):
            yield document


def _variants(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [variant for endpoint in document.get("endpoints", []) for variant in endpoint["variants"]]
