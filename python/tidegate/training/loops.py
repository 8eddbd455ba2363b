"""Graphs that loop for as long as their inputs say: one row could keep a thread busy for ever."""

from __future__ import annotations

from tidegate._native import endless_loop
from tidegate.errors import ModelRefusedError


def refuse_loops(onnx: bytes) -> None:
    """Refuses a model with a loop that no constant bounds.

    Raises:
        ModelRefusedError: it has one; the message names the loop and the setting that takes it.

    """
    name = endless_loop(onnx)
    if name is not None:
        raise ModelRefusedError(
            f"the Loop {name!r} goes on for as long as the inputs say, so that one row could keep a thread "
            "busy for ever; such models are taken with the setting allow_loops = true"
        )
