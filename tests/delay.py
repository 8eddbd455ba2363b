"""A model for tests of the registry's faces: its bytes are no graph, since nothing here scores."""

from __future__ import annotations

from typing import Any

from tidegate import Installation
from tidegate.installation import probing
from tidegate.types import utc_now

SIGNATURE = {
    "inputs": [
        {"name": "distance", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]},
    ],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
}
CONTRACT = {
    "inputs": [
        {"name": "distance", "datatype": "FP32", "shape": [-1, 1], "columns": ["distance"]},
        {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1], "columns": ["carrier"], "missing": ""},
    ],
    "outputs": SIGNATURE["outputs"],
    "score": {"output": "probabilities", "column": 1},
}


def register(installation: Installation, text: str = "one", **changes: Any) -> dict[str, Any]:
    """A version of the model ``delay`` whose bytes are ``text``."""
    if not installation.list_models():
        installation.create_model("delay")
    onnx = installation.put_artifact(text.encode())["digest"]
    facts = {"signature": SIGNATURE, "contract": CONTRACT} | changes
    made = installation.register_version("delay", onnx, **facts)
    vouch(installation, made)
    return made


def vouch(installation: Installation, made: dict[str, Any]) -> None:
    """Keeps the report of a first loading that never was: bytes that are no graph can't be loaded."""
    version = installation.registry.versions.get("delay", made["version"])
    facts = {"ok": True, "runs_on": "onnxruntime", "why": "nothing here scores"}
    probing.keep(installation, probing.bound(version, facts, utc_now()))
