"""A home with one endpoint, made by hand, for a scoring process without control."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import rfc8785

from benches.boosting import COLUMNS, FEATURES, Boosting
from tidegate._native import ProfileBuilder

ENDPOINT = "bench"


def make(home: Path, model: Boosting) -> None:
    """Lay the model, its reference profile and a deployment of both into ``home``."""
    builder = ProfileBuilder()
    for index, name in enumerate(COLUMNS):
        builder.numeric(name, model.reference[:, index])
    variant = {
        "model": ENDPOINT,
        "version": "1",
        "digest": _stored(home, b"version 1"),
        "onnx": _stored(home, model.onnx),
        "profile": _stored(home, builder.build().to_bytes()),
        "weight": 1.0,
        "shadow": False,
        "slots": [[0, 9999]],
    }
    shape = [-1, FEATURES]
    contract = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "columns": COLUMNS, "missing": None}],
        "context": [],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
        ],
        "score": {"output": "probabilities", "column": 1},
        "threshold": 0.5,
    }
    endpoint = {"id": "ep_bench", "name": ENDPOINT, "salt": "ep_bench", "contract": contract, "slots": 10_000}
    deployment: dict[str, Any] = {
        "format": 1,
        "generation": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "default_endpoint": ENDPOINT,
        "endpoints": [{**endpoint, "variants": [variant]}],
    }
    deployment["sha256"] = hashlib.sha256(rfc8785.dumps(deployment)).hexdigest()
    folder = home / "deployments"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(json.dumps(deployment))


def _stored(home: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    path = home / "artifacts" / "sha256" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"sha256:{digest}"
