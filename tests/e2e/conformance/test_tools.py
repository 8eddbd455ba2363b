"""Tools that know nothing of us: grpcurl, grpc-health-probe and perf_analyzer."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.servers import Servers

Tool = Callable[[str], str]


@pytest.fixture
def address(serve: Servers, served_home: Path) -> str:
    return serve(served_home).ready.data.removeprefix("http://")


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_grpcurl_finds_and_calls_every_service(address: str, tool: Tool) -> None:
    grpcurl = [tool("grpcurl"), "-plaintext"]
    services = run(*grpcurl, address, "list").split()
    assert {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "inference.GRPCInferenceService",
        "tidegate.v1.Tidegate",
    } <= set(services)
    service = "inference.GRPCInferenceService"
    for name in services:
        assert f"{name} is a service" in run(*grpcurl, address, "describe", name)
    assert json.loads(run(*grpcurl, address, f"{service}/ServerLive")) == {"live": True}
    tensor = {"datatype": "BYTES", "shape": [1, 1], "contents": {"bytes_contents": ["VUE="]}}
    request = {
        "model_name": "flight",
        "inputs": [
            tensor | {"name": "carrier"},
            {"name": "distance", "datatype": "FP32", "shape": [1, 1], "contents": {"fp32_contents": [500.0]}},
            {"name": "hour", "datatype": "INT64", "shape": [1, 1], "contents": {"int64_contents": ["7"]}},
        ],
    }
    answer = json.loads(run(*grpcurl, "-d", json.dumps(request), address, f"{service}/ModelInfer"))
    assert answer["modelName"] == "flight"
    assert "prediction_id" in answer["parameters"]
    stats = json.loads(run(*grpcurl, "-d", '{"name": "flight"}', address, f"{service}/ModelStatistics"))
    assert sum(int(each.get("inferenceCount", 0)) for each in stats["modelStats"]) == 1


@pytest.mark.slow
def test_the_health_probe(address: str, tool: Tool) -> None:
    probe = [tool("grpc-health-probe"), "-addr", address]
    for service in ("", "flight", "inference.GRPCInferenceService"):
        run(*probe, "-service", service)
    done = subprocess.run([*probe, "-service", "nobody"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "NotFound" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_perf_analyzer(address: str, tool: Tool, protocol: str, tmp_path: Path) -> None:
    program = tool("perf_analyzer")
    rows = [{"carrier": ["UA"], "distance": [100.0 + row], "hour": [row % 24]} for row in range(16)]
    data = tmp_path / "rows.json"
    data.write_text(json.dumps({"data": rows}))
    shapes = [flag for name in rows[0] for flag in ("--shape", f"{name}:1")]
    printed = run(
        program,
        *("-m", "flight", "-u", address, "-i", protocol, "--input-data", str(data)),
        *shapes,
        *("--concurrency-range", "4", "--request-count", "2000"),
        LD_LIBRARY_PATH=str(Path(program).parent),
    )
    assert "throughput:" in printed
    assert "Inferences/Second vs. Client" in printed
