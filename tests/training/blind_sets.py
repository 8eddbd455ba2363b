"""Blind sets for the models of ``tests/data``, sealed to a key of the test's own."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tests.people import GOOD

from tidegate import Installation, sealed
from tidegate.training import blind_rows
from tidegate.types import Contract

DATA = Path(__file__).resolve().parents[1] / "data"
MATRIX = DATA / "matrix.onnx"
SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
    "outputs": [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
    ],
}
"""Of ``matrix.onnx``."""
CANARY = 8675309.125
"""A value that stands in a set and must stand nowhere else."""
TEXT = "canary-of-row-17"
"""The same as text, in rows that a test writes with it."""


def contract(**changes: Any) -> Contract:
    """Of ``matrix.onnx``."""
    facts = {
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [-1, 4], "columns": [f"f{each}" for each in range(4)]}
        ],
        "outputs": SIGNATURE["outputs"],
        "score": {"output": "probabilities", "column": 1},
    }
    return Contract.model_validate(facts | changes)


def rows(count: int = 403, seed: int = 3) -> pl.DataFrame:
    """Rows that ``matrix.onnx`` knows something about, with their label ``late``."""
    x = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    late = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(np.int64)
    columns = {f"f{each}": x[:, each] for each in range(4)}
    return pl.DataFrame(columns | {"late": late}).with_columns(extra=pl.lit(CANARY), text=pl.lit(TEXT))


def key(folder: Path) -> tuple[str, str]:
    """An identity and its recipient; the identity's file lies in ``folder``."""
    path = folder / "identity.txt"
    recipient = sealed.keygen(path)
    return sealed.identity_in(path.read_text()), recipient


def submit(house: Installation, name: str = "one", by: str = "ada", **changes: Any) -> str:
    """The number of a version of ``delay`` over ``matrix.onnx`` that passes the machine's gates, in uat."""
    if not house.list_models():
        house.create_model("delay")
    onnx = house.put_artifact(MATRIX)["digest"]
    facts: dict[str, Any] = {"signature": SIGNATURE, "contract": contract(), "recipe": {"name": name}}
    made = house.register_version("delay", onnx, principal=by, **(GOOD | facts | changes))
    house.promote_version("delay", made["version"], "uat", principal="otto")
    return str(made["version"])


def told(identity: str, frame: pl.DataFrame) -> list[bytes]:
    """What must stand in no file of a home: the identity, values, and the rows as they were packed."""
    packed = blind_rows.packed(frame, "late")
    return [identity.encode(), TEXT.encode(), str(CANARY).encode(), struct.pack("<d", CANARY), packed[:200]]


def write(path: Path, frame: pl.DataFrame, recipient: str, target: str = "late") -> Path:
    """The rows sealed in a file."""
    path.write_bytes(sealed.seal(blind_rows.packed(frame, target), [recipient]))
    return path
