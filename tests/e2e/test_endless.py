"""A model that loops for as long as its rows say: refused by default, and its runs are ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from tests.e2e.servers import DATA, Servers, rows
from tests.e2e.test_lanes import lane
from tritonclient.utils import InferenceServerException

import tidegate
from tidegate.errors import ModelRefusedError

BUDGET = 0.25
FOR_EVER = 1e18


def test_it_is_refused_by_default_wherever_it_comes_in(served_home: Path) -> None:
    with tidegate.open(served_home) as verbs:
        verbs.create_model("loops")
        with pytest.raises(ModelRefusedError, match=r"Loop 'as often as x'.*allow_loops = true"):
            verbs.register_model_file("loops", DATA / "loops.onnx")
        assert verbs.list_versions("loops") == []


def test_what_was_taken_once_comes_into_no_plan_when_it_is_forbidden_again(
    served_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_ALLOW_LOOPS", "true")
    with tidegate.open(served_home) as verbs:
        looping(verbs)
    monkeypatch.setenv("TIDEGATE_ALLOW_LOOPS", "false")
    with tidegate.open(served_home) as verbs:
        verbs.create_endpoint("again", "loops", "1")
        with pytest.raises(ModelRefusedError, match="LOOP_FORBIDDEN"):
            verbs.set_traffic("again", {"1": 1.0})


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_its_runs_are_ended_at_the_deadline_and_the_lane_goes_on(
    served_home: Path, serve: Servers, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setenv("TIDEGATE_ALLOW_LOOPS", "true")
    monkeypatch.setenv("TIDEGATE_LANES", "1")
    with tidegate.open(served_home) as verbs:
        looping(verbs)
    ready = serve(served_home).ready
    assert lane(ready.admin, "round")["mode"] == "lane"
    ask = rest(ready.data) if transport == "rest" else grpc(ready.data.removeprefix("http://"))
    assert ask(3.0, 20.0) == 6.0
    times = []
    for number in range(5):
        began = time.monotonic()
        assert ask(FOR_EVER, BUDGET) is None
        times.append(time.monotonic() - began)
        # There is one lane: it answers because the run was ended.
        assert ask(float(number), 20.0) == 2.0 * number
    # The best of five: this machine may be busy with something else.
    assert BUDGET <= min(times) < BUDGET + 0.05, times
    after = lane(ready.admin, "round")
    assert (after["stopped"], after["late"], after["stuck"]) == (5, 5, 0)
    assert (after["quarantined"], after["breaker_open"]) == (False, False)
    metrics = httpx.get(f"{ready.admin}/metrics").text
    assert 'tidegate_lane_stopped_runs_total{endpoint="round"' in metrics


def test_a_neighbour_is_answered_while_endless_runs_come_one_after_the_other(
    served_home: Path, serve: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_ALLOW_LOOPS", "true")
    with tidegate.open(served_home) as verbs:
        looping(verbs)
    ready = serve(served_home).ready
    ask = rest(ready.data)
    with ThreadPoolExecutor(4) as pool:
        endless = [pool.submit(ask, FOR_EVER, 0.05) for _ in range(20)]
        with httpx.Client(base_url=ready.data, timeout=30) as client:
            for number in range(200):
                body = {"records": rows(1, number)}
                assert client.post("/v1/endpoints/flight/score", json=body).status_code == 200
        # Some find no place in its queue; none is answered.
        assert {each.result() for each in endless} <= {None, "refused"}
    assert ask(3.0, 20.0) == 6.0


def looping(verbs: tidegate.Installation) -> None:
    verbs.create_model("loops")
    verbs.register_model_file("loops", DATA / "loops.onnx")
    verbs.create_endpoint("round", "loops", "1")
    verbs.set_traffic("round", {"1": 1.0})


def rest(url: str) -> Callable[[float, float], float | str | None]:
    """The answer to a row within a budget in seconds; None for a deadline that passed."""

    def ask(x: float, budget: float) -> float | str | None:
        answer = httpx.post(
            f"{url}/v1/endpoints/round/score",
            json={"records": [{"x": x}]},
            headers={"tidegate-timeout-ms": str(round(budget * 1000))},
            timeout=60,
        )
        if answer.status_code == 504:
            assert "deadline" in answer.json()["error"]
            return None
        if answer.status_code == 429:
            return "refused"
        assert answer.status_code == 200, answer.text
        found: float = answer.json()["predictions"][0]["score"]
        return found

    return ask


def grpc(address: str) -> Callable[[float, float], float | None]:
    """The same over gRPC; the deadline is a parameter: grpcio would end the call by itself."""
    client = triton.InferenceServerClient(address)

    def ask(x: float, budget: float) -> float | None:
        given = triton.InferInput("x", [1, 1], "FP32")
        given.set_data_from_numpy(np.array([[x]], np.float32))
        try:
            answer = client.infer("round", [given], timeout=round(budget * 1e6))
        except InferenceServerException as error:
            if error.status() != "StatusCode.DEADLINE_EXCEEDED":
                raise
            return None
        return float(answer.as_numpy("y")[0, 0])

    return ask
