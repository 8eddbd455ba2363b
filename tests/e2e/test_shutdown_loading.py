"""The end of a server while a model is loaded: nothing waits for it, nothing is left behind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.misbehaving import misbehaving
from tests.e2e.multiplying import house
from tests.e2e.servers import Servers

from tidegate import Client
from tidegate.errors import TidegateError

Wait = Callable[..., None]


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """While this file is there, no model with HOLD in it is loaded."""
    marker = tmp_path / "hold"
    made = misbehaving(tmp_path, marker)
    monkeypatch.setenv("TIDEGATE_ORT_LIBRARY", str(made))
    yield marker
    marker.unlink(missing_ok=True)


def asleep_in_a_load(pid: int) -> bool:
    """Whether a thread of the process sleeps where the marker is looked for."""
    for task in Path(f"/proc/{pid}/task").glob("*/wchan"):
        with contextlib.suppress(OSError):
            if "nanosleep" in task.read_text():
                return True
    return False


def asks(home: Path) -> threading.Thread:
    """Asks for version 2 in a thread; the server's end breaks it off."""

    def ask() -> None:
        with contextlib.suppress(TidegateError, httpx.HTTPError), Client(home=home) as client:
            client.set_traffic("times", {"2": 1.0})

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_load_does_not_hold_up_the_end(
    tmp_path: Path, marker: Path, serve: Servers, wait_until: Wait
) -> None:
    home = house(tmp_path, "fine", "HOLD")
    server = serve(home)
    with Client(home=home) as client:
        client.set_traffic("times", {"2": 1.0})
        client.set_traffic("times", {"1": 1.0})
    marker.touch()
    asking = asks(home)
    wait_until(lambda: asleep_in_a_load(server.ready.scoring_pid))
    body = {"records": [{"x": 3.0}]}
    answer = httpx.post(f"{server.ready.data}/v1/endpoints/times/score", json=body, trust_env=False)
    assert answer.json()["version"] == "1"
    assert server.end() == 0
    asking.join()
    assert not Path(f"/proc/{server.ready.scoring_pid}").exists()
    assert '"stopped"' in (home / "scoring.log").read_text()
    marker.unlink()
    again = serve(home)
    assert again.ready.scoring_pid != server.ready.scoring_pid
