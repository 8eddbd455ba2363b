"""A grpcio.aio server with the Open Inference Protocol over onnxruntime.

``python -m benches.peers.grpcio MODEL.onnx PORT``
"""

from __future__ import annotations

import asyncio
import sys

import grpc.aio  # type: ignore[import-untyped]
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from benches.peers.session import opened


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Decodes the tensor, runs the model on the event loop, encodes the answer; nothing else."""

    def __init__(self, onnx: str) -> None:
        self._session = opened(onnx)

    async def ModelInfer(  # noqa: N802
        self, request: service_pb2.ModelInferRequest, _: grpc.aio.ServicerContext
    ) -> service_pb2.ModelInferResponse:
        """One inference."""
        (spec,) = request.inputs
        x = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(spec.shape)
        label, probabilities = self._session.run(None, {spec.name: x})
        answer = service_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)
        for name, datatype, value in (
            ("label", "INT64", label),
            ("probabilities", "FP32", probabilities),
        ):
            answer.outputs.add(name=name, datatype=datatype, shape=value.shape)
            answer.raw_output_contents.append(value.tobytes())
        return answer


async def main() -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(sys.argv[1]), server)
    server.add_insecure_port(f"127.0.0.1:{sys.argv[2]}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
