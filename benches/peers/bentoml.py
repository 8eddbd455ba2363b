"""BentoML over onnxruntime: ``python -m benches.peers.bentoml MODEL.onnx PORT``."""

from __future__ import annotations

import os
import sys
from typing import Any

import bentoml
import numpy as np

from benches.peers.session import opened

MODEL = "BENCH_MODEL"


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Model:
    """One worker that scores."""

    def __init__(self) -> None:
        self._session = opened(os.environ[MODEL])

    @bentoml.api
    async def score(self, rows: list[list[float]]) -> dict[str, Any]:
        """One inference on the event loop: a thread would cost more than the model."""
        label, probabilities = self._session.run(None, {"x": np.array(rows, np.float32)})
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    environment = os.environ | {MODEL: sys.argv[1], "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, "-m", "bentoml", "serve", "benches.peers.bentoml:Model"]
    os.execve(sys.executable, [*command, "--host", "127.0.0.1", "--port", sys.argv[2]], environment)
