"""Our load client of ``benches/load``: its plans, the files that it reads, and what it found."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from benches.environments import ROOT

THREADS = 2


@dataclass(frozen=True)
class Plan:
    """What the client does; the names are those of its ``plan.rs``."""

    protocol: Literal["grpc", "http"]
    path: str
    messages: Path
    connections: int = 1
    streams: int = 1
    seconds: float = 2.0
    headers: tuple[tuple[str, str], ...] = ()
    answers: Path | None = None
    threads: int = THREADS
    requests: int | None = None
    rate: float | None = None
    arrivals: Literal["poisson", "fixed"] = "poisson"
    timeout_ms: int | None = None

    def to_json(self, address: str) -> str:
        """The client's argument."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps({"address": address} | known, default=str)

    def lasting(self, seconds: float) -> Plan:
        """The same for another time."""
        return replace(self, seconds=seconds)


@dataclass(frozen=True)
class Run:
    """What a run of the client found."""

    per_second: float
    p50_us: float
    p99_us: float
    requests: int
    good: int
    late: int
    seconds: float
    codes: dict[str, int]
    more: dict[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Run:
        """From what the client prints."""
        found: dict[str, Any] = json.loads(text)
        own = {name: found.pop(name) for name in cls.__dataclass_fields__ if name != "more"}
        return cls(**own, more=found)

    def flawless(self) -> Run:
        """Itself, when every answer was a good one; else an error with the counts."""
        if self.good != self.requests or not self.good:
            raise RuntimeError(f"not every answer was good: {self.codes}")
        return self


def build() -> Path:
    """The client, built if it must be."""
    command = ["cargo", "build", "--quiet", "--locked", "--release", "-p", "tidegate-load"]
    subprocess.run(command, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "tidegate-load"


def run(client: Path, address: str, plan: Plan) -> Run:
    """One run."""
    done = subprocess.run([str(client), plan.to_json(address)], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the load client failed: {done.stderr.strip()}")
    return Run.parse(done.stdout)


def written(path: Path, items: Iterable[bytes]) -> Path:
    """A file of byte strings as the client reads them: each with its length before it."""
    path.write_bytes(b"".join(struct.pack("<I", len(item)) + item for item in items))
    return path
