"""A forked process has none of the threads of an engine, and is told so at every call instead of hanging."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Spawn = Callable[..., "subprocess.Popen[str]"]
FORK = """
import os, sys
import tidegate
from tidegate.errors import ForkedProcessError
engine = tidegate.LocalEngine(sys.argv[1])
rows = {"carrier": ["AA"], "distance": [500.0], "hour": [7]}
before = engine.score_columns("flight", rows, version="1")
pid = os.fork()
if pid == 0:
    refused = 0
    for call in (
        lambda: engine.score_columns("flight", rows),
        lambda: engine.contract("flight"),
        engine.status,
        lambda: engine.counts("flight"),
        engine.refresh,
        engine.flush,
        engine.close,
        lambda: tidegate.LocalEngine(sys.argv[1]),
    ):
        try:
            call()
        except ForkedProcessError as error:
            refused += "use spawn" in str(error)
    os._exit(refused)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
after = engine.score_columns("flight", rows, version="1")
assert (after.score == before.score).all()
engine.flush()
assert engine.close()
print(code)
"""


def test_a_forked_engine_is_refused_by_name_and_its_parent_goes_on(home: Path, spawn: Spawn) -> None:
    child = spawn(FORK, home)
    output, _ = child.communicate(timeout=60)
    assert (child.returncode, output) == (0, "8\n")
