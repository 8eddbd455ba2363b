"""The two ways to ask: Triton's gRPC client, unmodified, with named tensors; REST with named records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.client import Client
from tidegate.errors import InternalError
from tidegate.replay.plan import Plan, Request
from tidegate.types import Contract, DataType

_NUMPY: dict[DataType, Any] = {"FP32": np.float32, "INT64": np.int64, "BYTES": np.object_}


@dataclass(frozen=True)
class Answer:
    """What a client needs to remember of an answer."""

    prediction_id: str
    version: str


class Sender(Protocol):
    """Sends one request and waits for its answer."""

    name: str

    def send(self, request: Request) -> Answer:
        """Raises what the client raises when the request fails."""

    def close(self) -> None:
        """Closes the connection."""


class GrpcSender:
    """``tritonclient.grpc``: one tensor a column; a null is NaN, or the column's missing token."""

    name = "gRPC"

    def __init__(self, address: str, endpoint: str, contract: Contract, plan: Plan) -> None:
        from tritonclient import grpc

        self._grpc = grpc
        self._client = grpc.InferenceServerClient(address)
        self._endpoint = endpoint
        self._columns = [
            (spec.name, spec.datatype, 2, _column(plan.events[spec.columns[0]], spec.datatype, spec.missing))
            for spec in contract.inputs
        ]
        self._columns += [
            (spec.name, spec.datatype, 1, _column(plan.events[spec.name], spec.datatype, None))
            for spec in contract.context
        ]

    def send(self, request: Request) -> Answer:
        """One ModelInfer; routing key and event time are request parameters."""
        rows = slice(request.first, request.first + request.rows)
        tensors = []
        for name, datatype, dimensions, values in self._columns:
            shape = [request.rows, 1][:dimensions]
            tensor = self._grpc.InferInput(name, shape, datatype)
            tensor.set_data_from_numpy(values[rows].reshape(shape))
            tensors.append(tensor)
        parameters = {"routing_key": request.key, "event_time": request.event_time}
        answer = self._client.infer(self._endpoint, tensors, parameters=parameters).get_response()
        return Answer(
            prediction_id=answer.parameters["prediction_id"].string_param, version=answer.model_version
        )

    def close(self) -> None:
        """Closes the channel."""
        self._client.close()


class RestSender:
    """``POST /v1/endpoints/{endpoint}/score`` with one record a row; a null is null."""

    name = "REST"

    def __init__(self, client: Client, endpoint: str, contract: Contract, plan: Plan) -> None:
        names = [spec.columns[0] for spec in contract.inputs] + [spec.name for spec in contract.context]
        self._client = client
        self._endpoint = endpoint
        self._events = plan.events.select(names)

    def send(self, request: Request) -> Answer:
        """One POST of mixed-type records."""
        records = self._events.slice(request.first, request.rows).to_dicts()
        answer = self._client.score(
            self._endpoint, records, routing_key=request.key, event_time=request.event_time
        )
        if len(answer["predictions"]) != request.rows:
            raise InternalError(f"{request.rows} records got {len(answer['predictions'])} predictions")
        return Answer(prediction_id=answer["prediction_id"], version=answer["version"])

    def close(self) -> None:
        """Nothing: the client belongs to the caller."""


def _column(series: pl.Series, datatype: DataType, missing: str | None) -> NDArray[Any]:
    if datatype == "BYTES":
        return np.array(series.fill_null(missing or "").to_list(), dtype=np.object_)
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(_NUMPY[datatype])
