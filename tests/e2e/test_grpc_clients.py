"""Stock gRPC clients, unmodified: streams, statistics, configuration, health that is watched, reflection."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tests.e2e.servers import Server, Servers
from tests.e2e.test_clients import COLUMNS, expected, inputs
from tritonclient.utils import InferenceServerException

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING
WAIT = 30.0


@pytest.fixture
def server(served_home: Path, serve: Servers) -> Server:
    return serve(served_home)


@pytest.fixture
def address(server: Server) -> str:
    return server.ready.data.removeprefix("http://")


@pytest.fixture
def client(address: str) -> Iterator[tritonclient.grpc.InferenceServerClient]:
    opened = tritonclient.grpc.InferenceServerClient(address)
    yield opened
    opened.close()


def test_a_stream_outlives_a_bad_request(client: Any) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)), compression_algorithm="gzip")
    tensors = inputs(tritonclient.grpc, COLUMNS)
    for number, endpoint in enumerate(["flight", "nope", "flight"]):
        client.async_stream_infer(endpoint, tensors, request_id=str(number))
    first, wrong, last = (answers.get(timeout=WAIT) for _ in range(3))
    client.stop_stream()
    assert "unknown endpoint 'nope'" in str(wrong[1])
    for number, (result, error) in ((0, first), (2, last)):
        assert (error, result.get_response().id) == (None, str(number))
        for name, values in expected().items():
            np.testing.assert_array_equal(result.as_numpy(name), values)


def test_the_asynchronous_client(address: str) -> None:
    async def use() -> list[Any]:
        tensors = inputs(tritonclient.grpc.aio, COLUMNS)
        async with tritonclient.grpc.aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            asked = [client.infer("flight", tensors, compression_algorithm="gzip") for _ in range(8)]
            answered = list(await asyncio.gather(*asked))

            async def requests() -> Any:
                for number in range(5):
                    yield {"model_name": "flight", "inputs": tensors, "request_id": str(number)}

            async for result, error in client.stream_infer(requests()):
                assert error is None
                answered.append(result)
            return answered

    results = asyncio.run(use())
    assert len(results) == 13
    for result in results:
        for name, values in expected().items():
            np.testing.assert_array_equal(result.as_numpy(name), values)


def test_statistics_and_configuration(client: Any) -> None:
    tensors = inputs(tritonclient.grpc, COLUMNS)
    for _ in range(6):
        client.infer("flight", tensors)
    with pytest.raises(InferenceServerException):
        client.infer("flight", tensors[:1])
    stats = client.get_inference_statistics("flight").model_stats
    assert {one.version for one in stats} == {"1", "2"}
    for read, count in (
        (lambda one: one.inference_count, 6 * 20),
        (lambda one: one.execution_count, 6),
        (lambda one: one.inference_stats.success.count, 6),
        (lambda one: one.inference_stats.compute_input.count, 6),
        (lambda one: one.inference_stats.fail.count, 0),
        (lambda one: sum(batch.compute_infer.count for batch in one.batch_stats), 6),
    ):
        assert sum(read(one) for one in stats) == count
    assert {batch.batch_size for one in stats for batch in one.batch_stats} == {20}
    config = client.get_model_config("flight", as_json=True)["config"]
    assert (config["name"], config["platform"], config["backend"]) == (
        "flight",
        "onnxruntime_onnx",
        "onnxruntime",
    )
    types = {one["name"]: one["data_type"] for one in config["input"]}
    assert types == {
        "carrier": "TYPE_STRING",
        "distance": "TYPE_FP32",
        "hour": "TYPE_INT64",
    }
    index = client.get_model_repository_index().models
    assert [(one.name, one.version, one.state) for one in index] == [
        ("flight", "1", "READY"),
        ("flight", "2", "READY"),
    ]


def test_what_is_never_spoken_is_said(client: Any) -> None:
    for call, named in (
        (lambda: client.load_model("flight"), "promote"),
        (lambda: client.unload_model("flight"), "promote"),
        (client.get_cuda_shared_memory_status, "CudaSharedMemoryStatus"),
        (client.get_system_shared_memory_status, "SystemSharedMemoryStatus"),
        (client.get_trace_settings, "TraceSetting"),
        (client.get_log_settings, "LogSettings"),
    ):
        with pytest.raises(InferenceServerException, match=named):
            call()


def test_health_is_watched_to_the_end(server: Server, address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch
        known = watch(health_pb2.HealthCheckRequest(service="flight"), timeout=WAIT)
        unknown = watch(health_pb2.HealthCheckRequest(service="nope"), timeout=WAIT)
        assert next(known).status == SERVING
        assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        assert server.end() == 0
        assert next(known).status == NOT_SERVING
        with pytest.raises(grpc.RpcError) as ended:
            next(known)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE


def test_reflection(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        described = ProtoReflectionDescriptorDatabase(channel)
        assert {
            "grpc.health.v1.Health",
            "inference.GRPCInferenceService",
            "tidegate.v1.Tidegate",
        } <= set(described.get_services())
        file = described.FindFileContainingSymbol("tidegate.v1.Tidegate")
        assert [method.name for method in file.service[0].method] == [
            "Score",
            "Feedback",
            "Drift",
            "WatchDeployment",
        ]
