"""Commands without a server: what goes wrong on the way is told beside the answer, not in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tidegate import Installation


def test_a_warning_does_not_stand_in_the_json(two_versions: Installation, home: Path) -> None:
    two_versions.set_traffic("flight", {"1": 1.0})
    two_versions.close()
    folder = home / "predictions" / "flight"
    folder.mkdir(parents=True)
    (folder / "20130301T000000-1-0.arrows").write_bytes(b"no stream at all")
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", "performance", "flight", "--home", str(home), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["periods"] == []
    assert "damaged segment" in done.stderr
