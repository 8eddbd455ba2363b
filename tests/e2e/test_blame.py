"""Models that crash: refused by the probe; blamed, quarantined and replaced when they do it in service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.misbehaving import misbehaving
from tests.e2e.multiplying import house
from tests.e2e.servers import Server, Servers

from tidegate import Client
from tidegate.errors import ModelRefusedError, PreconditionError

Wait = Callable[..., None]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Where a file makes the model with KABOOM in it crash, once."""
    return tmp_path / "crash-now"


@pytest.fixture
def crashing(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real ONNX Runtime behind one that crashes at will."""
    made = misbehaving(tmp_path, marker)
    monkeypatch.setenv("TIDEGATE_ORT_LIBRARY", str(made))
    return made


def ask(server: Server, key: str = "k") -> Any:
    """One row's answer; None when nobody answered."""
    body = {"records": [{"x": 3.0}], "routing_key": key}
    try:
        answer = httpx.post(
            f"{server.ready.data}/v1/endpoints/times/score", json=body, timeout=5, trust_env=False
        )
    except httpx.HTTPError:
        return None
    return answer.json() if answer.status_code == 200 else None


def audit(home: Path, action: str) -> list[dict[str, Any]]:
    lines = (home / "audit.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["action"] == action]


def test_what_crashes_at_once_never_comes_into_service(
    tmp_path: Path, crashing: Path, serve: Servers
) -> None:
    home = house(tmp_path, "fine", "KABOOM_AT_ONCE")
    server = serve(home)
    with Client(home=home) as client:
        with pytest.raises(ModelRefusedError, match=r"version 2 of times.*PROBE_CRASHED signal 11"):
            client.set_traffic("times", {"2": 1.0})
        assert client.get_traffic("times")["generation"] == 1
        assert ask(server)["version"] == "1"
        probe = client.get_version("times", "2")["probe"]
        assert (probe["ok"], probe["code"]) == (False, "PROBE_CRASHED")
        assert client.status()["server"]["restarts"] == 0
    (refused,) = audit(home, "probe_refused")
    assert refused["detail"]["code"] == "PROBE_CRASHED"


def test_two_crashes_bring_the_version_before_back(
    tmp_path: Path, marker: Path, crashing: Path, serve: Servers, wait_until: Wait
) -> None:
    home = house(tmp_path, "fine", "KABOOM")
    server = serve(home)
    with Client(home=home) as client:
        client.set_traffic("times", {"1": 0.5, "2": 0.5})
        hit = next(f"k{n}" for n in range(100) if ask(server, f"k{n}")["version"] == "2")
        pids = [client.status()["server"]["pid"]]
        for crash in (1, 2):
            marker.touch()
            assert ask(server, hit) is None
            wait_until(lambda: client.status()["server"]["pid"] not in [*pids, None])
            pids.append(client.status()["server"]["pid"])
            wait_until(lambda: (client.status()["scoring"] or {}).get("ready"))
            died = audit(home, "scoring.died")
            assert len(died) == crash
            assert died[-1]["detail"]["suspect"] == "times 2"
            assert died[-1]["detail"]["certain"]
            assert "SIGSEGV" in died[-1]["detail"]["ending"]
        plan = client.get_traffic("times")
        assert [(v["version"], v["weight"]) for v in plan["variants"]] == [("1", 1.0)]
        assert [row["version"] for row in plan["quarantined"]] == ["2"]
        assert [row["version"] for row in client.status()["quarantined"]] == ["2"]
        wait_until(lambda: (ask(server, hit) or {}).get("version") == "1")
        assert ask(server, hit)["generation"] == plan["generation"]

        with pytest.raises(PreconditionError, match="tidegate version release times 2 --reason"):
            client.set_traffic("times", {"1": 0.5, "2": 0.5})
        client.release_version("times", "2", "the library was at fault")
        with pytest.raises(PreconditionError, match="in no quarantine"):
            client.release_version("times", "2", "again")
        client.set_traffic("times", {"1": 0.5, "2": 0.5})
        assert ask(server, hit)["version"] == "2"
    assert [entry["actor"] for entry in audit(home, "quarantine")] == ["control"]
    assert [entry["reason"] for entry in audit(home, "release_version")] == ["the library was at fault"]


def test_the_only_version_there_ever_was_stays(
    tmp_path: Path, marker: Path, crashing: Path, serve: Servers, wait_until: Wait
) -> None:
    home = house(tmp_path, "KABOOM")
    server = serve(home)
    with Client(home=home) as client:
        for crash in (1, 2):
            marker.touch()
            wait_until(lambda: ask(server) is None)
            wait_until(lambda: len(audit(home, "scoring.died")) == crash)  # noqa: B023
            wait_until(lambda: (client.status()["scoring"] or {}).get("ready"))
        assert [row["version"] for row in client.status()["quarantined"]] == ["1"]
        assert len(audit(home, "quarantine_kept")) == 1
        wait_until(lambda: ask(server) is not None)
