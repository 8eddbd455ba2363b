"""Requests of every surface for the same rows, and the answers that they must get."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

from benches.boosting import Boosting
from benches.client import Plan, written
from benches.home import ENDPOINT

GRPC_PATH = "/inference.GRPCInferenceService/ModelInfer"
REST_PATH = f"/v2/models/{ENDPOINT}/infer"
JSON = (("content-type", "application/json"),)
Surface = Literal["grpc", "json", "binary"]
Encoder = Callable[[NDArray[np.float32]], bytes]


def grpc(x: NDArray[np.float32]) -> bytes:
    """``ModelInferRequest`` with raw contents."""
    request = service_pb2.ModelInferRequest(model_name=ENDPOINT)
    request.inputs.add(name="x", datatype="FP32", shape=x.shape)
    request.raw_input_contents.append(x.tobytes())
    serialized: bytes = request.SerializeToString()
    return serialized


def rest(x: NDArray[np.float32]) -> bytes:
    """The Open Inference Protocol's JSON with a flat tensor."""
    tensor = {"name": "x", "shape": x.shape, "datatype": "FP32", "data": x.ravel().tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


def _binary_head(x: NDArray[np.float32]) -> bytes:
    tensor = {"name": "x", "shape": x.shape, "datatype": "FP32", "parameters": {"binary_data_size": x.nbytes}}
    return json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()


def binary(x: NDArray[np.float32]) -> bytes:
    """The same with a binary tail, asked for and answered."""
    return _binary_head(x) + x.tobytes()


def rows(x: NDArray[np.float32]) -> bytes:
    """Nothing but the rows, as servers without a protocol take them."""
    return json.dumps({"rows": x.tolist()}).encode()


def inputs(x: NDArray[np.float32]) -> bytes:
    """MLflow's tensor input."""
    return json.dumps({"inputs": x.tolist()}).encode()


@dataclass(frozen=True)
class Bodies:
    """Files of messages in ``folder``, made when they are first asked for."""

    model: Boosting
    folder: Path

    def plan(self, surface: Surface, batch: int = 1) -> Plan:
        """What is sent to a server of the Open Inference Protocol."""
        if surface == "grpc":
            return Plan("grpc", GRPC_PATH, self.messages(grpc, batch), answers=self.answers(batch))
        if surface == "json":
            return self.http(REST_PATH, rest, batch)
        length = str(len(_binary_head(self.model.rows[:batch])))
        headers = (("content-type", "application/octet-stream"), ("inference-header-content-length", length))
        messages = self.messages(binary, batch)
        return Plan("http", REST_PATH, messages, headers=headers, answers=self.answers(batch))

    def http(self, path: str, encoder: Encoder, batch: int = 1) -> Plan:
        """What is sent as JSON to some path."""
        return Plan("http", path, self.messages(encoder, batch), headers=JSON, answers=self.answers(batch))

    def messages(self, encoder: Encoder, batch: int) -> Path:
        """The rows in batches, written by ``encoder``."""
        path = self.folder / f"{encoder.__name__}-{batch}"
        if not path.is_file():
            written(path, (encoder(x) for x in self._batches(batch)))
        return path

    def answers(self, batch: int) -> Path:
        """The probabilities that belong to each message, by onnxruntime."""
        path = self.folder / f"answers-{batch}"
        if not path.is_file():
            written(
                path,
                (self._session.run(["probabilities"], {"x": x})[0].tobytes() for x in self._batches(batch)),
            )
        return path

    def first(self, encoder: Encoder) -> bytes:
        """One message of one row."""
        return encoder(self.model.rows[:1])

    def _batches(self, batch: int) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(self.model.rows) - batch + 1, batch):
            yield self.model.rows[start : start + batch]

    @cached_property
    def _session(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(self.model.onnx, options, providers=["CPUExecutionProvider"])
