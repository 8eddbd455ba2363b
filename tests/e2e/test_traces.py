"""Traces of a real server: clients of others are the parents of the spans that a collector is sent."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tests.e2e.collector import Collector, attributes
from tests.e2e.servers import Server, Servers, rows

Wait = Callable[..., None]
PARENT = "00f067aa0ba902b7"
PARTS = ["decode", "score", "encode"]


def trace(number: int) -> str:
    """The id of a trace of this test's."""
    return f"4bf92f3577b34da6a3ce929d0e{number:06x}"


def parent(number: int, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{trace(number)}-{PARENT}-{flags}"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def traced(home: Path, **settings: object) -> Path:
    """The home with settings of traces."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    path = home / "tidegate.toml"
    template = path.read_text()
    section = "\n".join(["[traces]", "interval_milliseconds = 20", *lines, ""])
    assert template.count("[traces]\n") == 1
    path.write_text(template.replace("[traces]\n", section))
    return home


def address(url: str) -> str:
    return url.removeprefix("http://")


def inputs(module: Any) -> list[Any]:
    made = []
    for name, datatype, values in (
        ("carrier", "BYTES", np.array([["AA"]], dtype=object)),
        ("distance", "FP32", np.array([[500]], dtype=np.float32)),
        ("hour", "INT64", np.array([[7]], dtype=np.int64)),
    ):
        tensor = module.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        made.append(tensor)
    return made


def by_triton_http(server: Server, number: int) -> None:
    client = triton_http.InferenceServerClient(address(server.ready.data))
    try:
        client.infer("flight", inputs(triton_http), headers=parent(number))
    finally:
        client.close()


def by_triton_grpc(server: Server, number: int) -> None:
    with triton_grpc.InferenceServerClient(address(server.ready.data)) as client:
        client.infer("flight", inputs(triton_grpc), headers=parent(number))


def by_curl(server: Server, number: int) -> None:
    body = json.dumps({"records": rows(1)})
    header = f"traceparent: {parent(number)['traceparent']}"
    url = f"{server.ready.data}/v1/endpoints/flight/score"
    command = [str(shutil.which("curl")), "-sSf", "--noproxy", "*", "-H", header, "-d", body]
    command += ["-H", "content-type: application/json", url]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


CLIENTS: list[tuple[Callable[[Server, int], None], str, dict[str, Any]]] = [
    (
        by_triton_http,
        "POST /v2/models/{model}/infer",
        {
            "http.request.method": "POST",
            "url.path": "/v2/models/flight/infer",
            "http.response.status_code": 200,
        },
    ),
    (
        by_triton_grpc,
        "inference.GRPCInferenceService/ModelInfer",
        {"rpc.system": "grpc", "rpc.method": "ModelInfer", "rpc.grpc.status_code": 0},
    ),
    (
        by_curl,
        "POST /v1/endpoints/{endpoint}/score",
        {"http.route": "/v1/endpoints/{endpoint}/score", "http.response.status_code": 200},
    ),
]


def score(server: Server, headers: dict[str, str]) -> httpx.Response:
    url = f"{server.ready.data}/v1/endpoints/flight/score"
    return httpx.post(url, json={"records": rows(1)}, headers=headers, trust_env=False)


def test_clients_of_others_are_the_parents(served_home: Path, serve: Servers, collector: Collector) -> None:
    server = serve(traced(served_home, endpoint=collector.url))
    for number, (ask, name, expected) in enumerate(CLIENTS, start=1):
        ask(server, number)
        spans = collector.trace(trace(number))
        [top] = [span for span in spans if span.kind == span.SPAN_KIND_SERVER]
        assert (top.parent_span_id.hex(), top.name) == (PARENT, name)
        assert [span.name for span in spans if span.parent_span_id == top.span_id] == PARTS
        found = attributes(top)
        assert found | expected == found
        assert (found["tidegate.endpoint"], found["tidegate.rows"]) == ("flight", 1)
        assert found["tidegate.version"] in {"1", "2"}
        assert re.fullmatch(r"[0-9a-f-]{36}", found["tidegate.prediction_id"])


def test_who_is_not_sampled_leaves_none_and_malformed_is_new(
    served_home: Path, serve: Servers, collector: Collector
) -> None:
    server = serve(traced(served_home, endpoint=collector.url))
    malformed = {"traceparent": f"00-{trace(2).upper()}-{PARENT}-01"}
    for headers in (parent(1, "00"), malformed, parent(3)):
        assert score(server, headers).status_code == 200
    collector.trace(trace(3))
    tops = [span for span in collector.seen() if span.kind == span.SPAN_KIND_SERVER]
    new, given = tops
    assert (given.trace_id.hex(), given.parent_span_id.hex()) == (trace(3), PARENT)
    assert new.trace_id.hex() not in {trace(1), trace(2)}
    assert new.parent_span_id == b""


def test_a_collector_that_is_down_costs_no_request(
    served_home: Path, serve: Servers, wait_until: Wait
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = {"endpoint": f"http://127.0.0.1:{port}", "timeout_seconds": 0.3}
    server = serve(traced(served_home, **settings))
    assert {score(server, {}).status_code for _ in range(10)} == {200}

    def dropped() -> bool:
        text = httpx.get(f"{server.ready.admin}/metrics", trust_env=False).text
        assert "tidegate_trace_spans_exported_total 0" in text
        return 'tidegate_trace_spans_dropped_total{reason="failed"} 40' in text

    wait_until(dropped)
    assert server.end() == 0


def test_the_environment_names_a_collector_and_the_access_log_the_trace(
    served_home: Path, serve: Servers, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("TIDEGATE_ACCESS_LOG", "true")
    server = serve(served_home)
    assert score(server, parent(1)).status_code == 200
    # The end sends what waits, whatever the interval.
    assert server.end() == 0
    collector.trace(trace(1))
    lines = [json.loads(line) for line in (served_home / "access.log").read_text().splitlines()]
    assert trace(1) in [line.get("trace_id") for line in lines]
