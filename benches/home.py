"""A home with endpoints made by hand, for a scoring process without control."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rfc8785
from numpy.typing import NDArray

from benches.boosting import COLUMNS, FEATURES, Boosting
from tidegate._native import ProfileBuilder
from tidegate.training.profiles import POINTS

ENDPOINT = "bench"
LABEL = {"name": "label", "datatype": "INT64", "shape": [-1]}
PROBABILITIES = {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}
NEXT_TO_NOTHING = 1e-12
"""The share of requests that is logged where the log is off: a share of nothing is no policy."""


@dataclass(frozen=True)
class Served:
    """A model behind an endpoint; without ``reference`` there is no drift counting."""

    name: str
    onnx: bytes
    reference: NDArray[np.float32] | None
    log: bool = True
    outputs: tuple[dict[str, Any], ...] = (LABEL, PROBABILITIES)


def make(home: Path, model: Boosting, *, drift: bool = True, log: bool = True) -> None:
    """Lay the model, its reference profile and a deployment of both into ``home``."""
    make_many(home, [Served(ENDPOINT, model.onnx, model.reference if drift else None, log)])


def make_many(home: Path, models: Sequence[Served]) -> None:
    """The same for several endpoints."""
    deployment: dict[str, Any] = {
        "format": 1,
        "generation": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "default_endpoint": models[0].name,
        "endpoints": [_endpoint(home, model) for model in models],
    }
    deployment["sha256"] = hashlib.sha256(rfc8785.dumps(deployment)).hexdigest()
    folder = home / "deployments"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(json.dumps(deployment))


def _endpoint(home: Path, model: Served) -> dict[str, Any]:
    variant = {
        "model": model.name,
        "version": "1",
        "digest": _stored(home, f"{model.name} 1".encode()),
        "onnx": _stored(home, model.onnx),
        "weight": 1.0,
        "shadow": False,
        "slots": [[0, 9999]],
    }
    if model.reference is not None:
        builder = ProfileBuilder()
        for index, name in enumerate(COLUMNS):
            builder.numeric(name, model.reference[:, index], points=POINTS)
        variant["profile"] = _stored(home, builder.build().to_bytes())
    shape = [-1, FEATURES]
    contract = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "columns": COLUMNS, "missing": None}],
        "context": [],
        "outputs": list(model.outputs),
        "score": {"output": "probabilities", "column": 1},
        "threshold": 0.5,
    }
    endpoint = {
        "id": f"ep_{model.name}",
        "name": model.name,
        "salt": f"ep_{model.name}",
        "contract": contract,
    }
    if not model.log:
        endpoint["log"] = {"sample": NEXT_TO_NOTHING, "mask": []}
    return endpoint | {"slots": 10_000, "variants": [variant]}


def _stored(home: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    path = home / "artifacts" / "sha256" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"sha256:{digest}"
