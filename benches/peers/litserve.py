"""LitServe over onnxruntime: ``python -m benches.peers.litserve MODEL.onnx PORT``."""

import sys
from typing import Any

import litserve
import numpy as np

from benches.peers.session import opened


class Model(litserve.LitAPI):  # type: ignore[misc]
    """One worker that scores."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Open the model."""
        self._session = opened(sys.argv[1])

    def decode_request(self, request, **_):  # type: ignore[no-untyped-def]  # its types are looked at
        """JSON to array."""
        return np.array(request["rows"], np.float32)

    def predict(self, x: Any, **_: Any) -> Any:
        """One inference."""
        return self._session.run(None, {"x": x})

    def encode_response(self, output: Any, **_: Any) -> dict[str, Any]:
        """Array to JSON."""
        label, probabilities = output
        return {"label": label.tolist(), "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Model(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", generate_client_file=False)
