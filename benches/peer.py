"""The peer: a grpcio.aio server with the Open Inference Protocol over onnxruntime. Prints its port.

``python -m benches.peer MODEL.onnx``
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import grpc.aio
import numpy as np
import onnxruntime
from tritonclient.grpc import service_pb2, service_pb2_grpc


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Decodes the tensor, runs the model on the event loop, encodes the answer; nothing else."""

    def __init__(self, onnx: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

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
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
        Service(Path(sys.argv[1]).read_bytes()), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
