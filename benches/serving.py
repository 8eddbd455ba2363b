"""gRPC at 16 connections: our scoring process against a grpcio.aio server, same model, same client."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tritonclient.grpc import service_pb2

from benches import home, servers
from benches.boosting import FEATURES, Boosting
from benches.ratio import Result, compare, interleaved

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 16
THREADS = 2
SECONDS = 3.0
ROUNDS = 5


def serving(model: Boosting) -> Result:
    """Requests a second of one row each, one in flight on each connection."""
    client = _client()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        onnx = folder / "model.onnx"
        onnx.write_bytes(model.onnx)
        message = folder / "message"
        message.write_bytes(_message(model))
        home.make(folder / "home", model)
        with servers.tidegate(folder / "home") as us, servers.grpcio(onnx) as them:
            details: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}

            def load(side: str, server: servers.Serving, seconds: float = SECONDS) -> float:
                before = server.cpu_seconds()
                run = _run(client, server.address, message, seconds)
                cpu = (server.cpu_seconds() - before) / run["requests"] * 1e6
                details[side].append({**run, "server_cpu_us": cpu})
                return float(run["per_second"])

            load("ours", us, 0.5)
            load("theirs", them, 0.5)
            details = {"ours": [], "theirs": []}
            figures = interleaved(lambda: load("ours", us), lambda: load("theirs", them), ROUNDS)
    return compare(
        f"gRPC at {CONNECTIONS} connections",
        "requests/s",
        figures,
        theirs_name="grpcio.aio",
        at_least=5.0,
        details={side: _medians(runs) for side, runs in details.items()},
    )


def _client() -> Path:
    command = ["cargo", "build", "--quiet", "--locked", "--release", "-p", "tidegate-load"]
    subprocess.run(command, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "tidegate-load"


def _message(model: Boosting) -> bytes:
    request = service_pb2.ModelInferRequest(model_name=home.ENDPOINT)
    request.inputs.add(name="x", datatype="FP32", shape=[1, FEATURES])
    request.raw_input_contents.append(model.rows[0].tobytes())
    serialized: bytes = request.SerializeToString()
    return serialized


def _run(client: Path, address: str, message: Path, seconds: float) -> dict[str, Any]:
    plan = {
        "address": address,
        "path": "/inference.GRPCInferenceService/ModelInfer",
        "message": str(message),
        "connections": CONNECTIONS,
        "threads": THREADS,
        "seconds": seconds,
    }
    done = subprocess.run([str(client), json.dumps(plan)], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {
        name: statistics.median(run[name] for run in runs) for name in ("p50_us", "p99_us", "server_cpu_us")
    }
