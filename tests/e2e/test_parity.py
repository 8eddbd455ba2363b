"""One row gives one answer: over every encoding, transport and surface, alone and as a row of a batch."""

from __future__ import annotations

import io
import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime
import polars as pl
import pytest
import tritonclient.grpc
import tritonclient.http
from numpy.typing import NDArray
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from tests.e2e.servers import Servers
from tritonclient.grpc import service_pb2, service_pb2_grpc

import tidegate
from tidegate.scoring import score_file

Floats = NDArray[np.float32]

FEATURES = 28
NAMES = [f"f{number}" for number in range(FEATURES)]
BATCH = 1000
DEFAULT = "boosted"
"""The model that answers where a protocol names none."""
ULPS = 16
"""How far a graph that is no tree may be from itself over batch sizes, in units of the last place."""


@dataclass(frozen=True)
class Place:
    """Where a surface finds what it talks to."""

    server: str
    """Host and port of the data port."""
    home: Path
    folder: Path
    engine: tidegate.LocalEngine


# The surfaces: rows of 28 features in, the probability of the positive class out.


def nested_json(place: Place, endpoint: str, rows: Floats) -> Floats:
    return _infer(place, endpoint, [_nullable(row) for row in rows], rows)


def flat_json(place: Place, endpoint: str, rows: Floats) -> Floats:
    return _infer(place, endpoint, _nullable(rows.ravel()), rows)


def binary_tail(place: Place, endpoint: str, rows: Floats) -> Floats:
    with tritonclient.http.InferenceServerClient(place.server) as client:
        tensor = tritonclient.http.InferInput("X", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows, binary_data=True)
        asked = [tritonclient.http.InferRequestedOutput("probabilities", binary_data=True)]
        return _positive(client.infer(endpoint, [tensor], outputs=asked).as_numpy("probabilities"))


def grpc_raw(place: Place, endpoint: str, rows: Floats) -> Floats:
    with tritonclient.grpc.InferenceServerClient(place.server) as client:
        tensor = tritonclient.grpc.InferInput("X", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows)
        return _positive(client.infer(endpoint, [tensor]).as_numpy("probabilities"))


def grpc_typed(place: Place, endpoint: str, rows: Floats) -> Floats:
    request = service_pb2.ModelInferRequest(model_name=endpoint)
    tensor = request.inputs.add(name="X", datatype="FP32", shape=rows.shape)
    tensor.contents.fp32_contents.extend(rows.ravel())
    with grpc.insecure_channel(place.server) as channel:
        answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    (found,) = (output for output in answer.outputs if output.name == "probabilities")
    return _positive(np.array(found.contents.fp32_contents, dtype=np.float32).reshape(found.shape))


def records(place: Place, endpoint: str, rows: Floats) -> Floats:
    return _score(
        place, endpoint, {"records": [dict(zip(NAMES, _nullable(row), strict=True)) for row in rows]}
    )


def columns(place: Place, endpoint: str, rows: Floats) -> Floats:
    named = {name: _nullable(rows[:, index]) for index, name in enumerate(NAMES)}
    return _score(place, endpoint, {"columns": named})


def arrow(place: Place, endpoint: str, rows: Floats) -> Floats:
    body = io.BytesIO()
    pl.DataFrame(rows, schema=NAMES).write_ipc_stream(body)
    url = f"http://{place.server}/v1/endpoints/{endpoint}/score"
    headers = {"content-type": "application/vnd.apache.arrow.stream"}
    request = urllib.request.Request(url, body.getvalue(), headers)
    with urllib.request.urlopen(request) as answer:
        frame = pl.read_ipc_stream(io.BytesIO(answer.read()))
    return frame["score"].to_numpy()


def mlflow_split(place: Place, endpoint: str, rows: Floats) -> Floats:
    """The default endpoint's, as MLflow's clients send a data frame."""
    assert endpoint == DEFAULT
    split = {"columns": NAMES, "data": [_nullable(row) for row in rows]}
    answer = _post(f"http://{place.server}/invocations", {"dataframe_split": split})
    return _positive(np.array([row["probabilities"] for row in answer["predictions"]], dtype=np.float32))


def in_process(place: Place, endpoint: str, rows: Floats) -> Floats:
    return _positive(place.engine.score(endpoint, {"X": rows})["probabilities"])


def in_process_columns(place: Place, endpoint: str, rows: Floats) -> Floats:
    score = place.engine.score_columns(endpoint, pl.DataFrame(rows, schema=NAMES)).score
    assert score is not None
    return np.ascontiguousarray(score)


def offline_parquet(place: Place, endpoint: str, rows: Floats) -> Floats:
    """Beside the running server, whose home is only read."""
    source, target = place.folder / "rows.parquet", place.folder / "scored.parquet"
    pl.DataFrame(rows, schema=NAMES).write_parquet(source)
    score_file(place.home, endpoint, source, target, batch=len(rows))
    found = pl.read_parquet(target)["score"].to_numpy()
    target.unlink()
    return found


SURFACES: list[Callable[[Place, str, Floats], Floats]] = [
    nested_json,
    flat_json,
    binary_tail,
    grpc_typed,
    grpc_raw,
    records,
    columns,
    arrow,
    in_process,
    in_process_columns,
    offline_parquet,
]


BINARY = [surface for surface in SURFACES if surface not in (nested_json, flat_json, records, columns)]
"""JSON has no infinities."""


@pytest.fixture(scope="module")
def sample() -> Floats:
    made = np.random.default_rng(7).normal(size=(BATCH, FEATURES)).astype(np.float32)
    made[::17, 3] = np.finfo(np.float32).max
    made[::19, 5] = np.finfo(np.float32).min
    made[::23, 11] = np.float32(1e-40)
    return made


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Fitted models as ONNX: two families of trees, and a linear one."""
    random = np.random.default_rng(3)
    x = random.normal(size=(2000, FEATURES)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(size=2000) > 0).astype(np.int64)
    estimators = {
        "boosted": GradientBoostingClassifier(n_estimators=40, random_state=0),
        "forest": RandomForestClassifier(20, max_depth=6, random_state=0),
        "linear": LogisticRegression(),
    }
    folder = tmp_path_factory.mktemp("models")
    for name, estimator in estimators.items():
        model = to_onnx(estimator.fit(x, y), x[:1], options={"zipmap": False})
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    pl.DataFrame(x, schema=NAMES).write_parquet(folder / "reference.parquet")
    return {name: folder / f"{name}.onnx" for name in estimators}


@pytest.fixture(scope="module")
def place(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("parity")
    home = Path(tidegate.init(folder / "home", trial=True)["home"])
    settings = home / "tidegate.toml"
    settings.write_text(f'default_endpoint = "{DEFAULT}"\n' + settings.read_text())
    with tidegate.open(home) as verbs:
        for name, path in models.items():
            verbs.create_model(name)
            verbs.register_model_file(name, path, path.parent / "reference.parquet", columns=NAMES)
            verbs.create_endpoint(name, name, "1")
            verbs.set_traffic(name, {"1": 1.0})
    twin = Path(shutil.copytree(home, folder / "twin"))
    servers = Servers()
    try:
        server = servers(home).ready.data.removeprefix("http://")
        with tidegate.LocalEngine(twin) as engine:
            yield Place(server, home, folder, engine)
    finally:
        servers.end()


def reference(model: Path, rows: Floats) -> Floats:
    """onnxruntime's own answer, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return _positive(session.run(["probabilities"], {"X": rows})[0])


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.__name__)
@pytest.mark.parametrize("family", ["boosted", "forest"])
def test_trees_are_equal_bit_for_bit(
    place: Place, models: dict[str, Path], sample: Floats, family: str, surface: Any
) -> None:
    trees_are_equal(place, models, sample, family, surface)


def test_trees_are_equal_over_mlflow(place: Place, models: dict[str, Path], sample: Floats) -> None:
    trees_are_equal(place, models, sample, DEFAULT, mlflow_split)


def trees_are_equal(place: Place, models: dict[str, Path], sample: Floats, family: str, surface: Any) -> None:
    batch = surface(place, family, sample)
    assert_same_bits(batch, reference(models[family], sample))
    for row in (0, 17, 19, 23, 500, BATCH - 1):
        alone = surface(place, family, sample[row : row + 1])
        assert_same_bits(alone, batch[row : row + 1])
        assert_same_bits(alone, reference(models[family], sample[row : row + 1]))


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.__name__)
def test_other_graphs_are_equal_at_equal_batch_and_close_over_batches(
    place: Place, models: dict[str, Path], sample: Floats, surface: Any
) -> None:
    rows = np.clip(sample, -3.0, 3.0)
    batch = surface(place, "linear", rows)
    assert_same_bits(batch, reference(models["linear"], rows))
    for row in (0, 500, BATCH - 1):
        alone = surface(place, "linear", rows[row : row + 1])
        assert_same_bits(alone, reference(models["linear"], rows[row : row + 1]))
        np.testing.assert_array_max_ulp(alone, batch[row : row + 1], ULPS)


@pytest.mark.parametrize("surface", BINARY, ids=lambda surface: surface.__name__)
def test_infinities_pass_where_an_encoding_has_them(
    place: Place, models: dict[str, Path], sample: Floats, surface: Any
) -> None:
    rows = sample[:100].copy()
    rows[::3, 0], rows[1::3, 1] = np.inf, -np.inf
    assert_same_bits(surface(place, "forest", rows), reference(models["forest"], rows))


@pytest.mark.parametrize(
    "surface",
    [surface for surface in SURFACES if surface is not nested_json],
    ids=lambda surface: surface.__name__,
)
def test_a_missing_value_is_missing_everywhere(
    place: Place, models: dict[str, Path], sample: Floats, surface: Any
) -> None:
    rows = sample[:50].copy()
    rows[::3, 0] = np.nan
    expected = nested_json(place, "boosted", rows)
    assert_same_bits(expected, reference(models["boosted"], rows))
    assert_same_bits(surface(place, "boosted", rows), expected)


def assert_same_bits(found: Floats, expected: Floats) -> None:
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


def _infer(place: Place, endpoint: str, data: Any, rows: Floats) -> Floats:
    tensor = {"name": "X", "shape": list(rows.shape), "datatype": "FP32", "data": data}
    answer = _post(f"http://{place.server}/v2/models/{endpoint}/infer", {"inputs": [tensor]})
    (found,) = (output for output in answer["outputs"] if output["name"] == "probabilities")
    return _positive(np.array(found["data"], dtype=np.float32).reshape(found["shape"]))


def _score(place: Place, endpoint: str, body: Any) -> Floats:
    answer = _post(f"http://{place.server}/v1/endpoints/{endpoint}/score", body)
    return np.array([row["score"] for row in answer["predictions"]], dtype=np.float32)


def _post(url: str, body: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def _nullable(values: Floats) -> list[Any]:
    return [None if np.isnan(v) else float(v) for v in values]


def _positive(probabilities: Any) -> Floats:
    return np.ascontiguousarray(probabilities[:, 1])
