"""Mosec over onnxruntime, with orjson as its documentation shows for another format.

``python -m benches.peers.mosec MODEL.onnx PORT``
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import orjson
from mosec import Server, Worker

from benches.peers.session import opened

MODEL = "BENCH_MODEL"


class Model(Worker):  # type: ignore[misc]
    """One process that scores."""

    def __init__(self) -> None:
        self._session = opened(os.environ[MODEL])

    def deserialize(self, data: bytes) -> Any:
        """JSON."""
        return orjson.loads(data)

    def serialize(self, data: Any) -> bytes:
        """JSON."""
        return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)

    def forward(self, data: Any) -> Any:
        """One inference."""
        label, probabilities = self._session.run(None, {"x": np.array(data["rows"], np.float32)})
        return {"label": label, "probabilities": probabilities}


if __name__ == "__main__":
    os.environ[MODEL], port = sys.argv[1:3]
    sys.argv = [sys.argv[0], "--port", port, "--address", "127.0.0.1", "--log-level", "warning"]
    server = Server()
    server.append_worker(Model, num=1)
    server.run()
