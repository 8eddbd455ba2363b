"""One row of 28 features, counted for drift: our tables against a binary search, both in Rust."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from benches.ratio import Result

ROOT = Path(__file__).resolve().parent.parent
LIMIT_NS = 1000.0
"""What counting a row may cost."""
GROUP = "count_mixed"
POINTS = 10_000
ROWS = 1024
"""Rows that one iteration of the benchmark counts."""


def counting() -> Result:
    """Nanoseconds a row at 10,000 reference points a feature, by criterion."""
    command = ["cargo", "bench", "--quiet", "--locked", "-p", "tidegate-drift", "--bench", "count", "--"]
    choice = f"^{GROUP}/(row|batch|binary_search_row)/{POINTS}$"
    pace = ["--warm-up-time", "0.5", "--measurement-time", "2", "--noplot"]
    done = subprocess.run([*command, choice, *pace], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"cargo bench failed:\n{done.stderr}")
    row, batch, search = (_estimate(name) for name in ("row", "batch", "binary_search_row"))
    return Result(
        name=f"count a row of 28 features ({POINTS:,} points)",
        unit="ns",
        ours=row[1],
        theirs=search[1],
        theirs_name="binary search",
        ratio=row[1] / search[1],
        ratio_low=row[0] / search[2],
        ratio_high=row[2] / search[0],
        target=f"at most {LIMIT_NS:g} ns",
        met=row[1] <= LIMIT_NS,
        details={"batch_ns": batch[1]},
    )


def _estimate(name: str) -> tuple[float, float, float]:
    """Nanoseconds a row: the lower end of the median's interval, the median, the upper end."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = target / "criterion" / GROUP / name / str(POINTS) / "new" / "estimates.json"
    median = json.loads(path.read_text())["median"]
    interval = median["confidence_interval"]
    low, high = interval["lower_bound"], interval["upper_bound"]
    return low / ROWS, median["point_estimate"] / ROWS, high / ROWS
