"""What stands before every verb: hosts, headers, bodies, and errors that tell nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.gateway.callers import Caller

from tidegate import Installation
from tidegate.errors import (
    NotFoundError,
    RegistryError,
    by_kind,
)
from tidegate.gateway.boundary import JSON_LIMIT, Boundary


def test_errors_name_their_kind_and_the_request(owner: Caller) -> None:
    answer = owner("GET", "/v1/models/nope", headers={"x-request-id": "mine-1"})
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "there is no model 'nope'; there are: delay",
        "kind": "not_found",
        "request_id": "mine-1",
    }
    assert answer.headers["x-request-id"] == "mine-1"
    forged = owner("GET", "/v1/models", headers={"x-request-id": "a\tb"})
    assert forged.headers["x-request-id"] != "a\tb"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("POST", "/v1/models", {"nam": "x"}, 400, "name: Field required"),
        ("POST", "/v1/models", {"name": "x", "more": 1}, 400, "more: Extra inputs are not permitted"),
        ("POST", "/v1/models", {"name": "../x"}, 400, "not a name for a model"),
        ("POST", "/v1/models", {"name": "delay"}, 409, "the model delay exists already"),
        ("PUT", "/v1/endpoints/flight/traffic", {"weights": {"1": 0.4}}, 400, "sum to 0.4; expected 1"),
        ("PUT", "/v1/endpoints/nope/traffic", {"weights": {"1": 1}}, 404, "no endpoint 'nope'"),
        ("POST", "/v1/datasets", {"name": "x", "source": "/etc/passwd"}, 400, "source: String should match"),
        ("GET", "/v1/nothing", None, 404, "there is no such call"),
        ("DELETE", "/v1/models", None, 405, "DELETE is no verb of this call"),
    ],
)
def test_bad_requests(owner: Caller, method: str, path: str, body: Any, status: int, text: str) -> None:
    answer = owner(method, path, json=body)
    assert answer.status_code == status
    assert text in answer.json()["error"]
    assert answer.json()["kind"] in by_kind()


def test_a_body_that_is_no_json(owner: Caller) -> None:
    answer = owner("POST", "/v1/models", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["kind"] == "invalid_input"


def test_too_large_a_body_is_refused_by_its_length_and_by_its_bytes(owner: Caller) -> None:
    assert owner("POST", "/v1/models", content=b" " * (JSON_LIMIT + 1)).status_code == 413

    async def chunks() -> Any:
        for _ in range(JSON_LIMIT // 2**20 + 1):
            yield b" " * 2**20

    answer = owner("POST", "/v1/models", content=chunks(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "at most" in answer.json()["error"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8010", "127.0.0.1.evil.example", ""])
def test_another_host_is_refused(owner: Caller, host: str) -> None:
    answer = owner("GET", "/v1/models", headers={"host": host})
    assert answer.status_code == 403
    assert answer.json()["error"] == "the Host header names another server"


@pytest.mark.parametrize("name", ["host", "authorization"])
def test_a_header_that_decides_stands_once(owner: Caller, name: str) -> None:
    async def twice(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = [*scope["headers"], (name.encode(), b"other")]
        await owner._app(scope, receive, send)

    answer = Caller(twice, owner.key)("GET", "/v1/models")  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["error"]) == (400, f"the header {name} stands twice")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8010", "127.0.0.1:1", "[::1]", "[::1]:8010"])
def test_loopback_names_are_served(owner: Caller, host: str) -> None:
    assert owner("GET", "/v1/models", headers={"host": host}).status_code == 200


def test_internal_errors_tell_nothing(
    owner: Caller, two_versions: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("SELECT secret FROM /home/registry.db")

    monkeypatch.setattr(two_versions.registry.models, "all", broken)
    answer = owner("GET", "/v1/models")
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal error; the server's log has its cause"

    def corrupt() -> None:
        raise RegistryError("REGISTRY_CORRUPT: /home/registry.db")

    monkeypatch.setattr(two_versions.registry.models, "all", corrupt)
    answer = owner("GET", "/v1/models")
    assert answer.status_code == 503
    assert "/home" not in answer.text
    assert answer.headers["retry-after"] == "1"


def test_the_home_s_place_is_not_told(
    owner: Caller, two_versions: Installation, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise NotFoundError(f"there is no file {home}/artifacts/x")

    monkeypatch.setattr(two_versions.registry.models, "all", missing)
    assert owner("GET", "/v1/models").json()["error"] == "there is no file <home>/artifacts/x"


def test_an_unforeseen_failure_before_the_application(two_versions: Installation) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("anything")

    boundary = Boundary(broken, authenticate=lambda _: None, home=two_versions.home.root)
    answer = Caller(boundary, "k")("GET", "/v1/models")  # type: ignore[arg-type]
    assert answer.status_code == 500
