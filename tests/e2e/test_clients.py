"""Stock clients, unmodified, over HTTP and gRPC: one answer for all, and the same words for what is wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc
import tritonclient.http
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.e2e.servers import DATA, Servers, rows
from tritonclient.utils import InferenceServerException

ROWS = rows(20)
COLUMNS = {
    "carrier": np.array([[row["carrier"]] for row in ROWS], dtype=object),
    "distance": np.array([[row["distance"]] for row in ROWS], dtype=np.float32),
    "hour": np.array([[row["hour"]] for row in ROWS], dtype=np.int64),
}
TYPES = {"carrier": "BYTES", "distance": "FP32", "hour": "INT64"}


@pytest.fixture
def address(served_home: Path, serve: Servers) -> str:
    return serve(served_home).ready.data.removeprefix("http://")


@pytest.fixture(params=[tritonclient.http, tritonclient.grpc], ids=["http", "grpc"])
def triton(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.fixture
def client(triton: ModuleType, address: str) -> Iterator[Any]:
    opened = triton.InferenceServerClient(address)
    yield opened
    opened.close()


def inputs(triton: ModuleType, columns: dict[str, Any]) -> list[Any]:
    made = []
    for name, values in columns.items():
        one = triton.InferInput(name, list(values.shape), TYPES.get(name, "FP32"))
        one.set_data_from_numpy(values)
        made.append(one)
    return made


def expected() -> dict[str, Any]:
    session = onnxruntime.InferenceSession(DATA / "mixed.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, COLUMNS), strict=True))


def test_tritonclient(triton: ModuleType, client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("flight")
    metadata = client.get_model_metadata("flight")
    found = (
        metadata if isinstance(metadata, dict) else {"inputs": [{"name": i.name} for i in metadata.inputs]}
    )
    assert [tensor["name"] for tensor in found["inputs"]] == list(COLUMNS)
    answer = client.infer("flight", inputs(triton, COLUMNS), request_id="r1")
    for name, values in expected().items():
        np.testing.assert_array_equal(answer.as_numpy(name), values)
    response = answer.get_response()
    version = response["model_version"] if isinstance(response, dict) else response.model_version
    identity = response["id"] if isinstance(response, dict) else response.id
    assert (version in {"1", "2"}, identity) == (True, "r1")
    assert "prediction_id" in response["parameters"] if isinstance(response, dict) else response.parameters


def test_tritonclient_is_told_what_is_wrong(triton: ModuleType, client: Any) -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("nope", COLUMNS, "nope"),
        ("flight", {**COLUMNS, "distanse": COLUMNS["distance"]}, "distanse"),
        ("flight", {"carrier": COLUMNS["carrier"]}, "distance"),
        ("flight", {**COLUMNS, "distance": np.zeros((20, 2), dtype=np.float32)}, "distance"),
        ("flight", {**COLUMNS, "distance": np.zeros((19, 1), dtype=np.float32)}, "distance"),
    ]
    for endpoint, columns, named in wrong:
        with pytest.raises(InferenceServerException, match=named):
            client.infer(endpoint, inputs(triton, columns))
    assert client.infer("flight", inputs(triton, COLUMNS))


def test_curl(address: str) -> None:
    body = {
        "inputs": [
            {
                "name": name,
                "shape": [20, 1],
                "datatype": TYPES[name],
                "data": [row[name] for row in ROWS],
            }
            for name in COLUMNS
        ]
    }
    command = ["curl", "--silent", "--fail-with-body", "--json", "@-"]
    done = subprocess.run(
        [*command, f"http://{address}/v2/models/flight/infer"],
        input=json.dumps(body),
        capture_output=True,
        text=True,
        check=True,
    )
    outputs = {output["name"]: output for output in json.loads(done.stdout)["outputs"]}
    for name, values in expected().items():
        shown = np.array(outputs[name]["data"], dtype=values.dtype).reshape(outputs[name]["shape"])
        np.testing.assert_array_equal(shown, values)


def test_health_protocol(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        for service in ("", "flight"):
            answer = check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as refused:
            check(health_pb2.HealthCheckRequest(service="nope"))
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
