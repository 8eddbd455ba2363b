"""What the two senders put on the wire for a missing value, a string and an integer."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from tidegate.client import Client
from tidegate.replay.plan import Plan, Request
from tidegate.replay.senders import GrpcSender, RestSender
from tidegate.types import ContextSpec, Contract, DataType, InputSpec

EVENTS = pl.DataFrame(
    {
        "temp": pl.Series([1.5, None, 39.02], dtype=pl.Float32),
        "dep_hour": [5, 6, 7],
        "manufacturer": ["BOEING", None, "AIRBUS"],
        "flight": ["UA1", "UA2", "DL3"],
    }
)
REQUEST = Request(index=0, first=1, rows=2, event_time=1_362_132_000_000_000, period="2013-03", key="EWR/x")


def spec(name: str, datatype: DataType, missing: str | None = None) -> InputSpec:
    return InputSpec(name=name, datatype=datatype, shape=[-1, 1], columns=[name], missing=missing)


CONTRACT = Contract(
    inputs=[spec("temp", "FP32"), spec("dep_hour", "INT64"), spec("manufacturer", "BYTES", "missing")],
    context=[ContextSpec(name="flight", datatype="BYTES")],
    outputs=[],
)


@pytest.fixture
def plan() -> Plan:
    nothing = np.empty(0, dtype=np.int64)
    return Plan(EVENTS, [REQUEST], np.empty(0), nothing, nothing, nothing)


def test_grpc_sends_nan_and_the_missing_token(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    def infer(model: str, tensors: list[Any], parameters: dict[str, Any]) -> Any:
        sent.update(model=model, tensors=tensors, parameters=parameters)
        answer = SimpleNamespace(
            parameters={"prediction_id": SimpleNamespace(string_param="id-1")}, model_version="4"
        )
        return SimpleNamespace(get_response=lambda: answer)

    sender = GrpcSender("127.0.0.1:1", "flight-delay", CONTRACT, plan)
    monkeypatch.setattr(sender._client, "infer", infer)
    answer = sender.send(REQUEST)
    sender.close()
    assert (answer.prediction_id, answer.version) == ("id-1", "4")
    assert sent["parameters"] == {"routing_key": "EWR/x", "event_time": REQUEST.event_time}
    tensors = {tensor.name(): tensor for tensor in sent["tensors"]}
    assert {name: tensor.shape() for name, tensor in tensors.items()} == {
        "temp": [2, 1],
        "dep_hour": [2, 1],
        "manufacturer": [2, 1],
        "flight": [2],
    }
    temp = np.frombuffer(tensors["temp"]._get_content(), dtype=np.float32)
    assert np.isnan(temp[0])
    assert temp[1] == np.float32(39.02)
    assert tensors["manufacturer"]._get_content() == b"\x07\0\0\0missing\x06\0\0\0AIRBUS"


def test_rest_sends_null(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"prediction_id": "id-2", "version": "3", "predictions": [{}, {}]})

    client = Client("http://control", "key", data_url="http://data")
    monkeypatch.setattr(
        client._port(), "_http", httpx.Client(base_url="http://data", transport=httpx.MockTransport(answer))
    )
    sent = RestSender(client, "flight-delay", CONTRACT, plan).send(REQUEST)
    client.close()
    assert (sent.prediction_id, sent.version) == ("id-2", "3")
    assert bodies[0]["routing_key"] == "EWR/x"
    assert bodies[0]["event_time"] == REQUEST.event_time
    assert bodies[0]["records"] == [
        {"temp": None, "dep_hour": 6, "manufacturer": None, "flight": "UA2"},
        {"temp": pytest.approx(39.02), "dep_hour": 7, "manufacturer": "AIRBUS", "flight": "DL3"},
    ]
