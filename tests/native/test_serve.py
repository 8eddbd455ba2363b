"""The scoring process: it serves, drains on a signal, and says why it does not start."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import rfc8785

from tidegate._native import Counters, ProfileBuilder, ReferenceProfile, Scorer, recover, serve
from tidegate.errors import (
    ConflictError,
    HomeLockedError,
    HomeMissingError,
    InvalidInputError,
    PortInUseError,
    SettingsError,
)

DATA = Path(__file__).parent.parent / "data"
LAUNCHER = "import sys; from tidegate._native import serve; sys.exit(serve(sys.stdin.read()))"
COLUMNS = ["a", "b", "c", "d"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one endpoint over ``matrix.onnx``, whose profile is of four normal columns."""
    builder = ProfileBuilder()
    rng = np.random.default_rng(1)
    for name in COLUMNS:
        builder.numeric(name, rng.normal(size=500).astype(np.float32))
    variant = {
        "model": "m",
        "version": "1",
        "digest": "sha256:" + "1" * 64,
        "onnx": stored(tmp_path, (DATA / "matrix.onnx").read_bytes()),
        "profile": stored(tmp_path, builder.build().to_bytes()),
        "weight": 1.0,
        "shadow": False,
        "slots": [[0, 99]],
    }
    contract = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4], "columns": COLUMNS, "missing": None}],
        "context": [],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
        ],
        "score": {"output": "probabilities", "column": 1},
        "threshold": 0.5,
    }
    endpoint = {"id": "ep_1", "name": "e", "salt": "ep_1", "contract": contract, "slots": 100}
    deployment: dict[str, Any] = {
        "format": 1,
        "generation": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "default_endpoint": "e",
        "endpoints": [{**endpoint, "variants": [variant]}],
    }
    deployment["sha256"] = hashlib.sha256(rfc8785.dumps(deployment)).hexdigest()
    (tmp_path / "deployments").mkdir()
    (tmp_path / "deployments" / "1.json").write_text(json.dumps(deployment))
    return tmp_path


def stored(home: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    path = home / "artifacts" / "sha256" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"sha256:{digest}"


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


class Served:
    def __init__(self, home: Path, library: Path) -> None:
        self.data, self.admin = free_ports(2)
        self.settings = {
            "home": str(home),
            "library": str(library),
            "listen": f"127.0.0.1:{self.data}",
            "admin": f"127.0.0.1:{self.admin}",
            "threads": 2,
            "log": {"batch_milliseconds": 20, "fsync": "os"},
        }
        self.log = home / "scoring.log"
        with self.log.open("wb") as log:
            arguments = [sys.executable, "-c", LAUNCHER]
            self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=log)
        assert self.process.stdin is not None
        with self.process.stdin as pipe:
            pipe.write(json.dumps(self.settings).encode())

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.get("/v2/health/ready"))
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=10) as answer:
            body: bytes = answer.read() or b"{}"
        return body

    def post(self, path: str, body: dict[str, Any]) -> Any:
        url = f"http://127.0.0.1:{self.data}{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@pytest.fixture
def served(home: Path, library: Path, wait_until: Callable[..., None]) -> Iterator[Served]:
    served = Served(home, library)
    try:
        wait_until(served.ready)
        yield served
    finally:
        served.process.kill()
        served.process.wait()


def rows(count: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(2).normal(size=(count, 4)).astype(np.float32)


def infer(served: Served, data: np.ndarray[Any, Any]) -> Any:
    tensor = {"name": "x", "datatype": "FP32", "shape": list(data.shape), "data": data.ravel().tolist()}
    return served.post("/v2/models/e/infer", {"inputs": [tensor]})


def test_answers_are_the_models_and_are_counted(served: Served, home: Path, library: Path) -> None:
    data = rows(50)
    outputs = {output["name"]: output["data"] for output in infer(served, data)["outputs"]}
    expected = Scorer((DATA / "matrix.onnx").read_bytes(), library).score({"x": data})
    for name, values in expected.items():
        np.testing.assert_array_equal(np.array(outputs[name], values.dtype), values.ravel())
    status = json.loads(served.get("/status"))
    assert (status["generation"], status["pid"]) == (1, served.process.pid)
    (table,) = json.loads((home / "deployments" / "1.json").read_text())["endpoints"]
    profile = table["variants"][0]["profile"].removeprefix("sha256:")
    reference = ReferenceProfile.from_bytes(
        (home / "artifacts/sha256" / profile[:2] / profile[2:]).read_bytes()
    )
    counted = Counters.from_ipc(reference, served.get("/drift/e"), "sha256:" + "1" * 64)
    naive = Counters(reference)
    for index, name in enumerate(COLUMNS):
        naive.numeric(name, data[:, index])
    assert counted.statistics() == naive.statistics()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(number: signal.Signals, served: Served, home: Path) -> None:
    infer(served, rows(7))
    served.process.send_signal(number)
    assert served.process.wait(30) == 0
    (segment,) = (home / "predictions" / "e").glob("*.arrows")
    length, count = recover(segment)
    assert count == 7
    assert pl.read_ipc_stream(segment.read_bytes()[:length]).height == 7
    for line in served.log.read_text().splitlines():
        json.loads(line)


def test_a_torn_tail_is_left_out(served: Served, home: Path, wait_until: Callable[..., None]) -> None:
    infer(served, rows(3))
    folder = home / "predictions" / "e"
    wait_until(lambda: [path for path in folder.glob("*.arrows") if recover(path)[1] == 3])
    (segment,) = folder.glob("*.arrows")
    length, _ = recover(segment)
    with segment.open("ab") as file:
        file.write(b"\xff\xff\xff\xff\x10\x00")
    assert recover(segment) == (length, 3)
    with pytest.raises(FileNotFoundError):
        recover(folder / "gone.arrows")
    other = home / "other.arrows"
    other.write_bytes(b"PAR1 and more")
    with pytest.raises(InvalidInputError, match="not an Arrow IPC stream"):
        recover(other)


def test_why_it_does_not_start(served: Served, home: Path, library: Path, tmp_path: Path) -> None:
    good = {**served.settings, "listen": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    before = signal.getsignal(signal.SIGTERM)

    def start(**changes: Any) -> int:
        settings = {name: value for name, value in {**good, **changes}.items() if value is not None}
        return serve(json.dumps(settings))

    with pytest.raises(HomeLockedError, match=str(served.process.pid)):
        start()
    other = tmp_path / "second"
    other.mkdir()
    with pytest.raises(PortInUseError, match=f"data port 127.0.0.1:{served.data} is in use"):
        start(home=str(other), listen=served.settings["listen"])
    with pytest.raises(PortInUseError, match="admin port"):
        start(home=str(other), admin=served.settings["admin"])
    with pytest.raises(HomeMissingError, match="nowhere"):
        start(home=str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="can't load ONNX Runtime"):
        start(home=str(other), library=str(tmp_path / "none.so"))
    with pytest.raises(ConflictError, match="already loaded"):
        start(home=str(other), library=sys.executable)
    for change, message in [
        ({"port": 1}, "unknown field `port`"),
        ({"library": None}, "missing field `library`"),
        ({"home": None}, "missing field `home`"),
        ({"log": {"fsync": "never"}}, "unknown variant `never`"),
        ({"log": {"sync": "os"}}, "unknown field `sync`"),
        ({"listen": "somewhere"}, "'somewhere' must be an IP address and a port"),
        ({"control": "ftp://x"}, "'ftp://x' must be http://host:port"),
    ]:
        with pytest.raises(SettingsError, match=message):
            start(**{"home": str(other), **change})
    with pytest.raises(SettingsError):
        serve("no json")
    assert signal.getsignal(signal.SIGTERM) == before
