"""A forked process has none of the threads of native code, and is told so instead of hanging."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tidegate.serving import library

Spawn = Callable[..., "subprocess.Popen[str]"]
DATA = Path(__file__).parent.parent / "data"
FORK = """
import os, sys
import numpy as np
from tidegate._native import Scorer, serve
from tidegate.errors import ForkedProcessError
onnx, library = open(sys.argv[1], "rb").read(), sys.argv[2]
scorer = Scorer(onnx, library)
rows = {"x": np.zeros((2, 4), np.float32)}
before = scorer.score(rows)["probabilities"]
pid = os.fork()
if pid == 0:
    refused = 0
    for call in (lambda: scorer.score(rows), lambda: Scorer(onnx, library), lambda: serve("{}")):
        try:
            call()
        except ForkedProcessError as error:
            refused += "use spawn" in str(error)
    os._exit(refused)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert (scorer.score(rows)["probabilities"] == before).all()
print(code)
"""


def test_a_fork_is_refused_by_name_and_its_parent_goes_on(spawn: Spawn) -> None:
    child = spawn(FORK, DATA / "matrix.onnx", library())
    output, _ = child.communicate(timeout=60)
    assert (child.returncode, output) == (0, "3\n")
