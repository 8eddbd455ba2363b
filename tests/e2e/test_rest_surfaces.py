"""REST beside the plain infer call, by stock clients: binary, compressed, Arrow, MLflow's shape, metrics."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tritonclient.http
import tritonclient.http.aio
from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.servers import Servers, rows
from tritonclient.utils import InferenceServerException

import tidegate

PARTS = ("queue", "compute_input", "compute_infer", "compute_output")
ARROW = "application/vnd.apache.arrow.stream"
ROWS = rows(50)
TYPES = {"carrier": "BYTES", "distance": "FP32", "hour": "INT64"}
COLUMNS = {
    "carrier": np.array([[row["carrier"]] for row in ROWS], dtype=object),
    "distance": np.array([[row["distance"]] for row in ROWS], dtype=np.float32),
    "hour": np.array([[row["hour"]] for row in ROWS], dtype=np.int64),
}


@pytest.fixture
def address(served_home: Path, serve: Servers) -> str:
    return serve(served_home).ready.data.removeprefix("http://")


@pytest.fixture
def client(address: str) -> Iterator[tritonclient.http.InferenceServerClient]:
    opened = tritonclient.http.InferenceServerClient(address)
    yield opened
    opened.close()


def inputs(module: Any, *, binary: dict[str, bool] | None = None) -> list[Any]:
    made = []
    for name, values in COLUMNS.items():
        one = module.InferInput(name, list(values.shape), TYPES[name])
        one.set_data_from_numpy(values, binary_data=(binary or {}).get(name, True))
        made.append(one)
    return made


def ask(
    address: str, path: str, body: bytes, media: str, accept: str = "*/*"
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a POST's answer."""
    headers = {"Content-Type": media, "Accept": accept}
    request = urllib.request.Request(f"http://{address}{path}", body, headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read(), dict(answer.headers)


def records(address: str) -> list[dict[str, Any]]:
    body = json.dumps({"records": ROWS}).encode()
    answer, _ = ask(address, "/v1/endpoints/flight/score", body, "application/json")
    found: list[dict[str, Any]] = json.loads(answer)["predictions"]
    return found


def test_json_and_binary_mix(client: tritonclient.http.InferenceServerClient) -> None:
    plain = client.infer("flight", inputs(tritonclient.http))
    names = [output["name"] for output in plain.get_response()["outputs"]]
    # NaN has no number in JSON, so the column that holds one goes in binary.
    mixed = inputs(tritonclient.http, binary={"carrier": False, "distance": True, "hour": False})
    for binary in (True, False):
        asked = [tritonclient.http.InferRequestedOutput(name, binary_data=binary) for name in names]
        answer = client.infer("flight", mixed, outputs=asked)
        for name in names:
            np.testing.assert_array_equal(answer.as_numpy(name), plain.as_numpy(name))


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_both_ways(client: tritonclient.http.InferenceServerClient, algorithm: str) -> None:
    plain = client.infer("flight", inputs(tritonclient.http))
    packed = client.infer(
        "flight",
        inputs(tritonclient.http),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    for output in plain.get_response()["outputs"]:
        name = output["name"]
        np.testing.assert_array_equal(packed.as_numpy(name), plain.as_numpy(name))


def test_parameters(client: tritonclient.http.InferenceServerClient) -> None:
    made = inputs(tritonclient.http)
    answer = client.infer("flight", made, priority=2, timeout=30_000_000, parameters={"routing_key": "N1"})
    assert answer.get_response()["model_name"] == "flight"
    with pytest.raises(InferenceServerException, match="parameter 'routing_key' must be a string"):
        client.infer("flight", made, parameters={"routing_key": 1.5})


def test_extensions(client: tritonclient.http.InferenceServerClient) -> None:
    for _ in range(3):
        client.infer("flight", inputs(tritonclient.http))
    stats = client.get_inference_statistics("flight")["model_stats"]
    assert sum(model["inference_stats"]["success"]["count"] for model in stats) == 3
    assert sum(model["inference_count"] for model in stats) == 3 * len(ROWS)
    assert client.get_inference_statistics()["model_stats"]
    config = client.get_model_config("flight")
    assert {tensor["name"]: tensor["data_type"] for tensor in config["input"]} == {
        "carrier": "TYPE_STRING",
        "distance": "TYPE_FP32",
        "hour": "TYPE_INT64",
    }
    index = client.get_model_repository_index()
    assert {entry["name"] for entry in index} == {"flight"}
    assert {entry["state"] for entry in index} == {"READY"}
    for call in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="promote"):
            call("flight")
    with pytest.raises(InferenceServerException, match="does not offer shared memory"):
        client.get_system_shared_memory_status()


def test_asyncio_client(address: str) -> None:
    async def infer() -> Any:
        async with tritonclient.http.aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            answers = [client.infer("flight", inputs(tritonclient.http.aio)) for _ in range(8)]
            return await asyncio.gather(*answers)

    first, *others = asyncio.run(infer())
    name = first.get_response()["outputs"][0]["name"]
    for other in others:
        np.testing.assert_array_equal(other.as_numpy(name), first.as_numpy(name))


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical], ids=["text", "categorical"])
def test_arrow_made_by_polars(address: str, kind: type[pl.DataType]) -> None:
    frame = pl.DataFrame(ROWS).with_columns(pl.col("carrier").cast(kind), pl.col("hour").cast(pl.Int8))
    body = io.BytesIO()
    frame.write_ipc_stream(body)
    answer, headers = ask(address, "/v1/endpoints/flight/score", body.getvalue(), ARROW)
    assert headers["content-type"] == ARROW
    scored = pl.read_ipc_stream(io.BytesIO(answer))
    expected = records(address)
    assert scored.height == len(expected)
    for name in set(scored.columns) & {"score", "decision"}:
        assert scored[name].to_list() == pytest.approx([row[name] for row in expected])
    wrong = io.BytesIO()
    frame.rename({"hour": "our"}).write_ipc_stream(wrong)
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(address, "/v1/endpoints/flight/score", wrong.getvalue(), ARROW)
    assert refused.value.code == 400
    assert "unknown column 'our'" in json.loads(refused.value.read())["error"]


def test_mlflow_shapes(served_home: Path, serve: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_DEFAULT_ENDPOINT", "flight")
    with tidegate.open(served_home) as verbs:
        verbs.set_traffic("flight", {"1": 1.0, "2": 0.0})
    address = serve(served_home).ready.data.removeprefix("http://")
    names = list(TYPES)
    split = {"columns": names, "data": [[row[name] for name in names] for row in ROWS]}
    columns = {name: [row[name] for row in ROWS] for name in names}
    frame = pl.DataFrame(ROWS).select(names)
    expected = records(address)
    for body, media in [
        (json.dumps({"dataframe_split": split}), "application/json"),
        (json.dumps({"dataframe_records": ROWS}), "application/json"),
        (json.dumps({"inputs": columns}), "application/json"),
        (json.dumps({"instances": ROWS}), "application/json"),
        (frame.write_csv(), "text/csv"),
    ]:
        answer, _ = ask(address, "/invocations", body.encode(), media)
        assert json.loads(answer)["predictions"] == expected
    for path in ("/ping", "/health", "/version"):
        with urllib.request.urlopen(f"http://{address}{path}") as pong:
            assert pong.status == 200


def test_metrics_reconcile(served_home: Path, serve: Servers) -> None:
    ready = serve(served_home).ready
    address = ready.data.removeprefix("http://")
    body = json.dumps({"records": ROWS}).encode()
    for _ in range(7):
        ask(address, "/v1/endpoints/flight/score", body, "application/json")
    for base in (ready.data, ready.admin):
        with urllib.request.urlopen(f"{base}/metrics") as scraped:
            assert scraped.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            families = list(text_string_to_metric_families(scraped.read().decode()))
        samples = [sample for family in families for sample in family.samples]

        def total(name: str, samples: list[Any] = samples) -> float:
            # The parser gives every counter the suffix.
            names = {name, f"{name}_total"}
            found = [sample.value for sample in samples if sample.name in names]
            assert found, name
            return float(sum(found))

        assert total("tidegate_requests_total") == total("nv_inference_request_success") == 7
        assert total("tidegate_rows_total") == total("nv_inference_count") == 7 * len(ROWS)
        assert total("nv_inference_request_failure") == 0
        assert total("nv_inference_exec_count") == 7
        parts = [f"nv_inference_{part}_duration_us" for part in PARTS]
        assert total("nv_inference_request_duration_us") == pytest.approx(sum(map(total, parts)), abs=20)
        aliases = [sample for sample in samples if sample.name.startswith("nv_")]
        assert {frozenset(sample.labels) for sample in aliases} == {frozenset({"model", "version"})}
        assert {sample.labels["model"] for sample in aliases} == {"flight"}
        assert all(family.documentation and family.type != "unknown" for family in families)
