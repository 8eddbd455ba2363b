"""What a worker process inherits of its parent's environment: little, and no secret."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import tidegate


def environment(kept: Collection[str], fixed: Mapping[str, str]) -> dict[str, str]:
    """The variables ``kept`` of the parent's, ``fixed`` ones, the way to the package, and no telemetry.

    ONNX Runtime else keeps a database of its runs in the user's cache and sends it away.
    """
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    ours = {"ORT_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(Path(tidegate.__file__).parents[1])}
    return inherited | dict(fixed) | ours
