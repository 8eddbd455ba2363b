"""The child process of a blind judgement: ``python -m tidegate.training.blind_worker PARENT``.

Its whole standard input is a :class:`tidegate.training.blind.Task`; nothing secret stands in its arguments,
its environment or on the disk. It answers one JSON object a line: how it is confined, that the set is open,
then figures or the name of a problem. Nothing else that it says is heard.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tidegate.training.blind import Problem, Task
from tidegate.training.confinement import confine, isolate, tight

BATCH = 4096
"""Rows scored at once."""


def main(parent: int) -> None:
    """Isolates, reads, confines, opens, scores, answers and ends."""
    apart = isolate(parent)
    task = Task.model_validate_json(sys.stdin.buffer.read())
    answer: dict[str, Any]
    try:
        answer = _judge(task, network_namespace=apart)
    except Problem as problem:
        answer = problem.to_json()
    except BaseException:  # a panic in a Rust library is no Exception; its words may hold rows
        answer = {"problem": "failed"}
    _say(answer)
    os._exit(0)


def _judge(task: Task, *, network_namespace: bool) -> dict[str, Any]:
    from tidegate import sealed
    from tidegate.training import blind_figures, blind_rows

    closed, onnx = Path(task.sealed).read_bytes(), Path(task.onnx).read_bytes()
    blind_figures.warm_up()
    held = confine(task.limits.address_space, task.limits.cpu_seconds, network_namespace=network_namespace)
    _say({"confinement": held})
    if not tight(held):
        raise Problem("confinement")
    try:
        opened = sealed.unseal(closed, task.identity)
    except Exception:
        raise Problem("identity") from None
    try:
        rows, positive = blind_rows.unpacked(opened)
    except Exception:
        raise Problem("rows") from None
    for index, column in enumerate(column for spec in task.contract.inputs for column in spec.columns):
        if column not in rows.columns:
            raise Problem("column", index)
    _say({"scoring": True})
    scores = blind_figures.scores(onnx, task.contract, rows, BATCH)
    return {"figures": blind_figures.figures(scores, positive, task.contract.threshold)}


def _say(answer: dict[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
