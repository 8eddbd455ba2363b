from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tidegate import Client
from tidegate.client.transport import Transport
from tidegate.errors import InvalidInputError, UnauthenticatedError, UnavailableError
from tidegate.store import ProcessRef, ServerInfo
from tidegate.store.server_file import write_server

URL = "http://127.0.0.1:1"


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    """A client whose data port is ``answer``."""
    client = Client(URL, "tg_key", data_url=URL)
    client._data = Transport(URL, "tg_key", 1, httpx.MockTransport(answer))
    return client


def test_score_sends_records_as_they_are_meant() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"prediction_id": "p"})

    client = answering(answer)
    moment = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    client.score("flight", [{"distance": float("nan")}], routing_key="N1", event_time=moment, id="mine")
    assert json.loads(seen[0].content) == {
        "records": [{"distance": None}],
        "routing_key": "N1",
        "event_time": 1_000_000,
        "id": "mine",
    }
    assert seen[0].url.path == "/v1/endpoints/flight/score"
    assert seen[0].headers["authorization"] == "Bearer tg_key"
    client.score("flight", columns={"distance": [1.0, 2.0]})
    assert json.loads(seen[1].content) == {"columns": {"distance": [1.0, 2.0]}}
    client.feedback([{"prediction_id": "p", "label": 1}], endpoint="flight")
    assert json.loads(seen[2].content) == {
        "labels": [{"prediction_id": "p", "label": 1}],
        "endpoint": "flight",
    }


def test_a_retraining_is_waited_for_longer_than_the_rest() -> None:
    seen: dict[str, float] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.url.path.rpartition("/")[2]] = request.extensions["timeout"]["read"]
        return httpx.Response(200, json={})

    client = Client(URL, "tg_key", data_url=URL, timeout=5)
    client._control = Transport(URL, "tg_key", 5, httpx.MockTransport(answer))
    client.retrain("flight", alarm=1)
    client.list_retrainings("flight")
    client.diagnose("flight")
    assert seen == {"retrainings": 5, "diagnosis": 600}
    client.retrain("flight")
    assert seen["retrainings"] == 3600


def test_score_takes_one_form() -> None:
    with pytest.raises(InvalidInputError, match="either records or columns"):
        Client(URL, "k").score("flight")


def test_nothing_is_repeated_when_nobody_answers() -> None:
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("refused")

    with pytest.raises(UnavailableError, match=r"no answer from http://127\.0\.0\.1:1"):
        answering(answer).score("flight", [{}])
    assert len(calls) == 1


def test_the_environment_names_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_URL", "http://server:8010")
    monkeypatch.setenv("TIDEGATE_KEY", "tg_from_environment")
    client = Client()
    assert client.url == "http://server:8010"
    assert client._control._http.headers["authorization"] == "Bearer tg_from_environment"


def info(**changes: Any) -> ServerInfo:
    facts = {
        "control": ProcessRef.of(),
        "scoring": None,
        "host": "127.0.0.1",
        "port": 1,
        "admin_port": 2,
        "control_port": 3,
        "started_at": datetime.now(UTC),
    }
    return ServerInfo.model_validate(facts | changes)


def test_a_home_names_its_server(home: Path) -> None:
    with pytest.raises(UnavailableError, match="no server runs on the home"):
        Client(home=home)
    write_server(home, info())
    client = Client(home=home)
    assert (client.url, client._data_url) == ("http://127.0.0.1:3", "http://127.0.0.1:1")
    gone = ProcessRef(pid=1, started=1)
    write_server(home, info(control=gone))
    with pytest.raises(UnavailableError):
        Client(home=home)
    write_server(home, info(control=gone, scoring=ProcessRef.of()))
    assert Client(home=home)._data_url == "http://127.0.0.1:1"
    (home / "owner.key").unlink()
    with pytest.raises(UnauthenticatedError, match="owner's key"):
        Client(home=home)
