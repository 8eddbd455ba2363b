"""Fixtures of the native tests: onnxruntime's library and the models of ``tests/data``."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from tidegate._native import Scorer

# A loaded machine is no fault.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="session")
def library() -> Path:
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    (found,) = Path(spec.origin).parent.glob("capi/libonnxruntime.so.1.*")
    return found


@pytest.fixture(scope="session")
def scorer(library: Path) -> Callable[[str], Scorer]:
    return lambda name: Scorer((DATA / f"{name}.onnx").read_bytes(), library)


@pytest.fixture(scope="session")
def reference() -> dict[str, dict[str, dict[str, np.ndarray[Any, Any]]]]:
    """Inputs and onnxruntime's outputs of each model, as arrays."""
    read = json.loads((DATA / "onnx_reference.json").read_text())

    def array(value: dict[str, Any]) -> np.ndarray[Any, Any]:
        return np.array(value["data"], dtype=value["dtype"]).reshape(value["shape"])

    return {
        model: {side: {name: array(value) for name, value in found.items()} for side, found in sides.items()}
        for model, sides in read.items()
    }
