"""A slow model at overload: it sheds, each request is counted once, and its neighbour answers everything."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper
from tests.e2e.servers import Servers, rows

import tidegate

CALLERS = 24
EACH = 8
LAYERS = 400
WIDTH = 512
PATIENCE_MS = "300"


def chain(path: Path) -> Path:
    """A model of many matrix products one after the other, which takes tens of milliseconds for one row."""
    weights = np.random.default_rng(3).normal(0, WIDTH**-0.5, (WIDTH, WIDTH)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "first"], ["h0"])]
    for layer in range(LAYERS):
        nodes.append(helper.make_node("MatMul", [f"h{layer}", "weights"], [f"m{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"m{layer}"], [f"h{layer + 1}"]))
    nodes.append(helper.make_node("MatMul", [f"h{LAYERS}", "last"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.ones((1, WIDTH), np.float32), "first"),
            numpy_helper.from_array(np.ones((WIDTH, 1), np.float32), "last"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def two_models(served_home: Path, tmp_path: Path) -> Path:
    with tidegate.open(served_home) as verbs:
        verbs.create_model("chain")
        verbs.register_model_file("chain", chain(tmp_path / "chain.onnx"))
        verbs.create_endpoint("slow", "chain", "1")
        verbs.set_traffic("slow", {"1": 1.0})
    return served_home


def lane(admin: str, endpoint: str) -> dict[str, Any]:
    status = httpx.get(f"{admin}/status").json()
    found = next(each for each in status["endpoints"] if each["name"] == endpoint)
    answer: dict[str, Any] = found["variants"][0]["lane"]
    return answer


def test_a_slow_model_sheds_and_its_neighbour_answers_everything(two_models: Path, serve: Servers) -> None:
    ready = serve(two_models).ready
    before = lane(ready.admin, "slow")
    assert before["mode"] == "lane", before
    assert before["microseconds"] > 100
    over = threading.Event()

    def overload(number: int) -> list[httpx.Response]:
        with httpx.Client(base_url=ready.data, timeout=30) as client:
            return [
                client.post(
                    "/v1/endpoints/slow/score",
                    json={"records": [{"x": number * EACH + each}]},
                    headers={"tidegate-timeout-ms": PATIENCE_MS},
                )
                for each in range(EACH)
            ]

    def neighbour() -> Counter[int]:
        seen: Counter[int] = Counter()
        headers = {"tidegate-timeout-ms": "30000"}
        with httpx.Client(base_url=ready.data, timeout=30) as client:
            while not over.is_set() or seen.total() < 50:
                answer = client.post("/v1/endpoints/flight/score", json={"records": rows(1)}, headers=headers)
                seen[answer.status_code] += 1
        return seen

    with ThreadPoolExecutor(CALLERS + 1) as pool:
        beside = pool.submit(neighbour)
        try:
            answers = [answer for callers in pool.map(overload, range(CALLERS)) for answer in callers]
        finally:
            over.set()
        seen = Counter(answer.status_code for answer in answers)
        assert set(beside.result()) == {200}
    assert set(seen) <= {200, 429, 504}, seen
    assert seen[200] > 0
    assert seen[429] > 0
    for answer in answers:
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
            assert "too many requests wait for version 1 of endpoint 'slow'" in answer.json()["error"]

    def settled() -> dict[str, Any] | None:
        found = lane(ready.admin, "slow")
        return found if found["queued"] == found["running"] == 0 else None

    after = settled()
    while after is None:
        after = settled()
    assert after["rejected"] == seen[429]
    assert after["expired"] + after["late"] == seen[504]
    # What expired in the queue was never executed: each run was for somebody who waited when it began.
    assert after["run_requests"] == seen[200] + after["late"]
    assert (after["cancelled"], after["stuck"]) == (0, 0)
    # Afterwards it answers as before.
    calm = httpx.post(f"{ready.data}/v1/endpoints/slow/score", json={"records": [{"x": 1.0}]}, timeout=30)
    assert calm.status_code == 200


def test_a_deadline_that_has_passed_is_never_executed(two_models: Path, serve: Servers) -> None:
    ready = serve(two_models).ready
    for endpoint, row in (("slow", {"x": 1.0}), ("flight", rows(1)[0])):
        for _ in range(5):
            answer = httpx.post(
                f"{ready.data}/v1/endpoints/{endpoint}/score",
                json={"records": [row]},
                headers={"tidegate-timeout-ms": "0"},
            )
            assert answer.status_code == 504
            assert "deadline" in answer.json()["error"]
    metrics = httpx.get(f"{ready.admin}/metrics").text
    expired = [line for line in metrics.splitlines() if line.startswith("tidegate_requests_expired_total")]
    assert sum(int(line.rsplit(" ", 1)[1]) for line in expired) == 10
    executed = [line for line in metrics.splitlines() if line.startswith("tidegate_requests_total")]
    assert sum(int(line.rsplit(" ", 1)[1]) for line in executed) == 0


@pytest.mark.slow
def test_a_million_requests_each_get_their_own_rows() -> None:
    """The engine's property test, a hundred times as long as in ``make test``."""
    root = Path(__file__).parents[2]
    test = "lanes::concurrent_callers_each_get_their_own_rows"
    command = ["cargo", "test", "--release", "--locked", "-p", "tidegate-engine", "--test", "engine"]
    ran = subprocess.run(
        [*command, "--", "--exact", test],
        cwd=root,
        env=os.environ | {"TIDEGATE_LANE_REQUESTS": "1000000"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout, ran.stdout
