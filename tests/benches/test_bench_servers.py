"""Processes that are measured: their processor time and their memory are those of the whole family."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from benches.environments import MissingPeerError
from benches.servers import Serving

from benches import environments

CHILD = "import sys; block = bytearray(64 << 20); sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
PARENT = (
    "import subprocess, sys; command = [sys.executable, '-c', sys.argv[1]];"
    "child = subprocess.Popen(command, stdin=subprocess.PIPE); sys.stdin.read()"
)


def test_the_time_of_a_process_is_read_to_the_nanosecond() -> None:
    ours = Serving("", os.getpid())
    before, known = ours.cpu_seconds(), time.process_time()
    sum(range(10**6))
    spent = ours.cpu_seconds() - before
    assert spent == pytest.approx(time.process_time() - known, abs=5e-3)
    assert spent > 0


def test_children_count() -> None:
    command = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.read(1) == b"."
        family = Serving("", parent.pid)
        assert len(family.processes()) == 2
        assert family.resident_bytes() > 64 << 20
        parent.kill()


def test_a_peer_that_cannot_be_installed_says_why() -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('first\\nERROR: no wheel for this machine\\n')"]
    with pytest.raises(MissingPeerError, match=r"^not installed: ERROR: no wheel for this machine$"):
        environments._run(failing)
