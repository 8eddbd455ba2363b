"""Hot swaps under load: no request fails, waits for a swap or gets answers of two versions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.grpc
from tests.e2e.multiplying import house
from tests.e2e.servers import Server, Servers

from tidegate import Client

ROWS = 40
X = np.arange(1, ROWS + 1, dtype=np.float32).reshape(-1, 1)


class Load:
    """Clients that ask without a pause and keep what does not fit."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._done = threading.Event()
        self.asked: dict[str, int] = {}
        self.wrong: list[str] = []
        self.versions: set[str] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._ask, args=(name, ask))
            for name, ask in (("rest", self._rest), ("grpc", self._grpc), ("records", self._records))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _ask(self, name: str, client: Callable[[ExitStack], Callable[[], tuple[str, list[float]]]]) -> None:
        with ExitStack() as stack:
            ask = client(stack)
            count = 0
            while not self._done.is_set():
                try:
                    version, answers = ask()
                except Exception as error:
                    self.wrong.append(f"{name}: {type(error).__name__}: {error}")
                    continue
                count += 1
                self.versions.add(version)
                # The version's label, and every row, are of one and the same version.
                if answers != (X.ravel() * float(version)).tolist():
                    self.wrong.append(f"{name}: version {version} answered {answers[:3]}")
            self.asked[name] = count

    def _http(self, stack: ExitStack) -> httpx.Client:
        return stack.enter_context(
            httpx.Client(base_url=self._server.ready.data, trust_env=False, timeout=30)
        )

    def _rest(self, stack: ExitStack) -> Callable[[], tuple[str, list[float]]]:
        http = self._http(stack)
        tensor = {"name": "x", "datatype": "FP32", "shape": [ROWS, 1], "data": X.ravel().tolist()}

        def ask() -> tuple[str, list[float]]:
            answer = http.post("/v2/models/times/infer", json={"inputs": [tensor]})
            answer.raise_for_status()
            found = answer.json()
            return found["model_version"], found["outputs"][0]["data"]

        return ask

    def _records(self, stack: ExitStack) -> Callable[[], tuple[str, list[float]]]:
        http = self._http(stack)
        records = [{"x": float(value)} for value in X.ravel()]

        def ask() -> tuple[str, list[float]]:
            answer = http.post("/v1/endpoints/times/score", json={"records": records})
            answer.raise_for_status()
            found = answer.json()
            return found["version"], [row["y"][0] for row in found["predictions"]]

        return ask

    def _grpc(self, stack: ExitStack) -> Callable[[], tuple[str, list[float]]]:
        address = self._server.ready.data.removeprefix("http://")
        client = tritonclient.grpc.InferenceServerClient(address)
        stack.callback(client.close)
        tensor = tritonclient.grpc.InferInput("x", [ROWS, 1], "FP32")
        tensor.set_data_from_numpy(X)

        def ask() -> tuple[str, list[float]]:
            answer = client.infer("times", [tensor])
            return answer.get_response().model_version, answer.as_numpy("y").ravel().tolist()

        return ask


def alternate(count: int, folder: Path, serve: Servers) -> None:
    home = house(folder, "one", "two")
    server = serve(home)
    load = Load(server)
    with Client(home=home) as client, load.running():
        for swap in range(count):
            wanted = "12"[swap % 2 == 0]
            plan = client.set_traffic("times", {wanted: 1.0})
            # Whoever asks after the verb has answered is answered by the new plan, on any thread.
            with httpx.Client(base_url=server.ready.data, trust_env=False) as http:
                answer = http.post("/v1/endpoints/times/score", json={"records": [{"x": 1.0}]}).json()
            assert (answer["version"], answer["generation"]) == (wanted, plan["generation"])
    assert load.wrong == []
    assert load.versions == {"1", "2"}
    assert set(load.asked) == {"rest", "grpc", "records"}
    assert min(load.asked.values()) >= count / 2


def test_twenty_swaps_under_load(tmp_path: Path, serve: Servers) -> None:
    alternate(20, tmp_path, serve)


@pytest.mark.slow
def test_two_hundred_swaps_under_load(tmp_path: Path, serve: Servers) -> None:
    alternate(200, tmp_path, serve)


def resident(pid: int) -> int:
    """Pages of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


@pytest.mark.slow
def test_a_thousand_loads_leave_no_memory_behind(tmp_path: Path, serve: Servers) -> None:
    home = house(tmp_path, "one", "two")
    server = serve(home)
    with Client(home=home) as client:

        def cycles(count: int) -> int:
            for cycle in range(count):
                client.set_traffic("times", {"12"[cycle % 2 == 0]: 1.0})
            return resident(server.ready.scoring_pid)

        warm = cycles(200)
        after = cycles(1000)
    assert after <= warm * 1.05
