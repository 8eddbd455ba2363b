"""MLServer with a runtime of its own: ``python -m benches.peers.mlserver MODEL.onnx PORT``."""

from __future__ import annotations

import asyncio
import socket
import sys

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benches.peers.session import opened


class Model(MLModel):  # type: ignore[misc]
    """The model, in MLServer's own process: its pool of workers costs more than a model this small."""

    async def load(self) -> bool:
        """Open the model."""
        self._session = opened(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One inference."""
        x = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32)
        label, probabilities = self._session.run(None, {"x": x})
        outputs = [
            NumpyCodec.encode_output("label", label),
            NumpyCodec.encode_output("probabilities", probabilities),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def main() -> None:
    """Serve until the process is ended."""
    settings = Settings(
        host="127.0.0.1",
        http_port=int(sys.argv[2]),
        grpc_port=free_port(),
        metrics_endpoint=None,
        parallel_workers=0,
        debug=False,
    )
    server = MLServer(settings)
    parameters = {"uri": sys.argv[1]}
    await server.start([ModelSettings(name="bench", implementation=Model, parameters=parameters)])


if __name__ == "__main__":
    asyncio.run(main())
