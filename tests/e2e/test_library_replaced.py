"""ONNX Runtime replaced on the disk under a server: what runs goes on, what starts names the file."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.e2e.servers import Servers, rows

from tidegate import Client
from tidegate.errors import ModelRefusedError
from tidegate.serving import library

Wait = Callable[..., None]


def replace(path: Path, content: bytes) -> None:
    """Puts another file in the place of ``path``, as an installer does."""
    other = path.with_suffix(".new")
    other.write_bytes(content)
    other.replace(path)


def test_a_running_server_goes_on_and_a_new_one_names_the_file(
    served_home: Path, serve: Servers, wait_until: Wait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copyfile(library(), tmp_path / "libonnxruntime.so.1"))
    monkeypatch.setenv("TIDEGATE_ORT_LIBRARY", str(own))
    server = serve(served_home)
    replace(own, b"no library")

    def score() -> httpx.Response:
        url = f"{server.ready.data}/v1/endpoints/flight/score"
        return httpx.post(url, json={"records": rows(1)}, trust_env=False)

    with Client(home=served_home) as client:
        assert score().status_code == 200
        # A probe is a new process: what it can't load changes nothing of what runs.
        with pytest.raises(
            ModelRefusedError, match=rf"can't load ONNX Runtime from {own}.*no plan was changed"
        ):
            client.set_traffic("flight", {"1": 1.0})
        assert score().json()["generation"] == 1
        assert client.status()["server"]["restarts"] == 0
    os.kill(server.ready.scoring_pid, signal.SIGKILL)
    said = f"can't load ONNX Runtime from {own}"
    wait_until(lambda: said in (served_home / "scoring.log").read_text())
    log = (served_home / "scoring.log").read_text()
    assert "expected a libonnxruntime of version 1.17 or newer" in log
    shutil.copyfile(library_of_package(monkeypatch), own.with_suffix(".new"))
    own.with_suffix(".new").replace(own)

    def answers() -> bool:
        try:
            return score().status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(answers)
    assert server.end() == 0


def library_of_package(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installed package's, whatever the environment names."""
    with monkeypatch.context() as bare:
        bare.delenv("TIDEGATE_ORT_LIBRARY")
        return library()
