"""h2spec against the data port, with what is known to fail and why."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.servers import Servers

KNOWN_FAILING = {
    "Sends invalid connection preface": (
        "one port speaks HTTP/1.1 and HTTP/2, so a connection that begins otherwise is answered with "
        "HTTP/1.1's 400 before it is closed; the tool reads that answer as a broken frame"
    ),
}
"""Title of the case: why it can't pass. One that passes after all must leave this list."""
LEAST_CASES = 140


@pytest.mark.slow
def test_h2spec_strict(serve: Servers, served_home: Path, tool: Callable[[str], str], tmp_path: Path) -> None:
    host, port = serve(served_home).ready.data.rsplit(":", 1)
    report = tmp_path / "h2spec.xml"
    command = [tool("h2spec"), "-h", host.removeprefix("http://"), "-p", port, "-P", "/v2/health/live"]
    done = subprocess.run(
        [*command, "--strict", "--timeout", "5", "--junit-report", str(report)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.is_file(), done.stdout + done.stderr
    cases = list(ET.parse(report).getroot().iter("testcase"))
    assert len(cases) >= LEAST_CASES
    failed = {
        str(case.get("classname"))
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    assert failed == set(KNOWN_FAILING), done.stdout[-4000:]
