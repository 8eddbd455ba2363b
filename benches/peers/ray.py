"""Ray Serve over onnxruntime: ``python -m benches.peers.ray MODEL.onnx PORT``."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np
import ray
from ray import serve
from starlette.requests import Request

from benches.peers.session import opened


@serve.deployment(num_replicas=1, max_ongoing_requests=128)
class Model:
    """One replica that scores."""

    def __init__(self, onnx: str) -> None:
        self._session = opened(onnx)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """One inference."""
        rows = (await request.json())["rows"]
        label, probabilities = self._session.run(None, {"x": np.array(rows, np.float32)})
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    os.environ["RAY_SERVE_LOG_TO_STDERR"] = "0"
    ray.init(num_cpus=4, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[2])},
        logging_config={"enable_access_log": False},
    )
    serve.run(Model.bind(sys.argv[1]), route_prefix="/")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
