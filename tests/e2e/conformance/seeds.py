"""Real messages that the fuzz targets begin from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tests.e2e.servers import DATA

from tidegate._native import ProfileBuilder


def profiles() -> Iterator[bytes]:
    """A profile with a numeric and a categorical feature."""
    builder = ProfileBuilder()
    builder.numeric("distance", np.array([1.0, 2.0, np.nan, 4.0], dtype=np.float32), points=10)
    builder.categorical("carrier", ["AA", "UA", None])
    yield builder.build().to_bytes()


def deployments() -> Iterator[bytes]:
    """An endpoint with one version."""
    version: dict[str, Any] = {
        "model": "delay",
        "version": "1",
        "digest": "sha256:" + "0" * 64,
        "onnx": "sha256:" + "1" * 64,
        "weight": 1.0,
        "slots": [[0, 9999]],
    }
    contract = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1], "columns": ["x"]}],
        "outputs": [{"name": "p", "datatype": "FP32", "shape": [-1, 1]}],
    }
    endpoint = {"id": "e", "name": "flight", "salt": "s", "slots": 10000, "contract": contract}
    yield json.dumps(
        {
            "format": 1,
            "generation": 1,
            "created_at": "2026-01-01T00:00:00Z",
            "endpoints": [endpoint | {"variants": [version]}],
        }
    ).encode()


def graphs() -> Iterator[bytes]:
    """The ONNX files of the tests."""
    for path in sorted(DATA.glob("*.onnx")):
        yield path.read_bytes()


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {"profile": profiles, "deployment": deployments}
"""Per target, where it begins."""
