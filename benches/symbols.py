"""Where a process spends its time: ``perf`` samples, told by group. ``python -m benches.symbols PID``."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERTZ = 2999
SYSCALLS = re.compile(r"^(?:__x64_sys_|do_(?=writev|readv))(\w+)$")
GROUPS = (
    ("random numbers", r"\bgetrandom\b|uuid|crng_|chacha|getentropy"),
    ("score: trees", r"tidegate_trees"),
    ("score: ONNX Runtime", r"libonnxruntime|tidegate_onnx"),
    ("drift", r"tidegate_drift"),
    ("log", r"mpmc|tidegate_engine::(?:log|ring|writer|segment|spool|predictions|tap)|arrow_|flatbuffers"),
    ("lanes and routing", r"tidegate_engine|tidegate_traffic|xxhash"),
    (
        "decode and encode: REST",
        r"tidegate_server::rest|serde_json|dec2flt|itoa|ryu|zmij|flt2dec|f32 as core|float",
    ),
    ("decode and encode: gRPC", r"tidegate_server::grpc|tidegate_server::generated|prost|tonic"),
    ("server: the rest", r"tidegate_server|tidegate_model"),
    ("HTTP/2", r"\bh2::|hyper::proto::h2"),
    ("HTTP/1", r"hyper::proto::h1|httparse|httpdate"),
    ("HTTP: the rest", r"hyper|http::|http_body"),
    ("runtime", r"tokio|mio::|futures"),
    ("buffers", r"\bbytes::|smallvec|alloc::vec|raw_vec|indexmap|slab::"),
    (
        "allocator",
        r"alloc|memalign|\bfree\b|cfree|unlink_chunk|_int_free|tcache|operator new|operator delete",
    ),
    ("copies and comparisons", r"mem(?:move|cpy|cmp|set|chr)|strlen|bcmp"),
    ("clock", r"clock_gettime|read_tsc|Instant|SystemTime"),
)
"""Names of groups and what the symbol and library of the innermost frame must match; the first one counts."""


@dataclass(frozen=True)
class Sample:
    """The thread's name and its frames, innermost first, each ``symbol library``."""

    thread: str
    frames: tuple[str, ...]


def parsed(lines: Iterable[str]) -> Iterator[Sample]:
    """The samples in what ``perf script -F comm,ip,sym,dso`` prints."""
    thread, frames = "", list[str]()
    for line in lines:
        if line.strip() and not line[0].isspace():
            thread = line.strip()
        elif line.strip():
            frames.append(line.split(None, 1)[1].strip() if " " in line.strip() else line.strip())
        elif frames:
            yield Sample(thread, tuple(frames))
            frames = []
    if frames:
        yield Sample(thread, tuple(frames))


def group(sample: Sample) -> str:
    """The group that a sample belongs to; the kernel's by the call that it works for."""
    leaf = sample.frames[0]
    if "kernel.kallsyms" in leaf or "[k]" in leaf:
        if re.search(GROUPS[0][1], leaf):
            return GROUPS[0][0]
        for frame in sample.frames:
            if found := SYSCALLS.match(frame.split()[0].split("+")[0]):
                return f"kernel: {found[1]}"
        return "kernel: the rest"
    for name, pattern in GROUPS:
        if re.search(pattern, leaf):
            return name
    return "other"


def told(samples: list[Sample], top: int = 45) -> str:
    """Shares by group, by thread, and by symbol."""
    total = len(samples) or 1
    lines = [f"{len(samples)} samples"]
    parts = {
        "by group": Counter(group(sample) for sample in samples),
        "by thread": Counter(sample.thread for sample in samples),
        "by symbol": Counter(f"{sample.frames[0]}  <{group(sample)}>" for sample in samples),
    }
    for title, counts in parts.items():
        lines.append(f"\n{title}")
        lines.extend(f"  {count / total:6.1%}  {name}" for name, count in counts.most_common(top))
    return "\n".join(lines)


def sampled(pid: int, seconds: float) -> list[Sample]:
    """Samples of a running process by the processor's clock, which every machine lets us have."""
    with tempfile.TemporaryDirectory(prefix="tidegate-perf-") as folder:
        data = Path(folder) / "perf.data"
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "-g", "-p", str(pid)]
        subprocess.run([*record, "-o", str(data), "--", "sleep", str(seconds)], check=True)
        script = ["perf", "script", "-i", str(data), "-F", "comm,ip,sym,dso"]
        printed = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    return list(parsed(printed.splitlines()))


if __name__ == "__main__":
    print(told(sampled(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 5.0)))
