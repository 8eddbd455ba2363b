from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from tests.delay import CONTRACT, SIGNATURE, register, vouch

from tidegate import Client, Installation
from tidegate.errors import (
    ConflictError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    RegistryError,
    UnauthenticatedError,
    by_kind,
)
from tidegate.gateway import create_app, log_to_stderr
from tidegate.gateway.boundary import JSON_LIMIT, Boundary
from tidegate.gateway.denials import Denials
from tidegate.gateway.failures import TABLE
from tidegate.installation.verbs import BY_NAME, VERBS
from tidegate.serving import Announcements

BASE = "http://127.0.0.1:8010"


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """The log of a server, so that no failure is painted with its local variables."""
    log_to_stderr()
    yield
    structlog.reset_defaults()


@pytest.fixture
def announcements(two_versions: Installation) -> Announcements:
    return Announcements(two_versions.home.deployments)


@pytest.fixture
def app(two_versions: Installation, announcements: Announcements) -> FastAPI:
    return create_app(two_versions, announcements)


class Caller:
    """Calls the application in-process; ``key`` goes along unless a call says otherwise."""

    def __init__(self, app: FastAPI, key: str | None) -> None:
        self._app = app
        self.key = key
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}

    def __call__(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = self._headers | arguments.pop("headers", {})

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, headers=headers, **arguments)

        return asyncio.run(call())


@pytest.fixture
def owner(app: FastAPI, home: Path) -> Caller:
    return Caller(app, (home / "owner.key").read_text().strip())


@pytest.fixture
def node(app: FastAPI, two_versions: Installation) -> Caller:
    return Caller(app, two_versions.home.node_key())


class InProcess(httpx.BaseTransport):
    """Lets the synchronous client call the application without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self._inner = httpx.ASGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> tuple[int, httpx.Headers, bytes]:
            asynchronous = httpx.Request(
                request.method, request.url, headers=request.headers, content=request.read()
            )
            answer = await self._inner.handle_async_request(asynchronous)
            return answer.status_code, answer.headers, await answer.aread()

        status, headers, content = asyncio.run(call())
        return httpx.Response(status, headers=headers, content=content)


@pytest.fixture
def client(app: FastAPI, home: Path) -> Iterator[Client]:
    with Client(BASE, (home / "owner.key").read_text().strip()) as made:
        made._control._http._transport = InProcess(app)
        yield made


def test_every_kind_of_error_has_a_row() -> None:
    assert set(TABLE) == set(by_kind())


def test_every_verb_has_a_route_and_a_place_in_the_document(owner: Caller, app: FastAPI) -> None:
    document = owner("GET", "/openapi.json").json()
    found = {
        operation["operationId"]: (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    for verb in VERBS:
        assert found.pop(verb.name) == (verb.method, verb.path)
    assert set(found) == {"health", "deployment", "scoring_keys", "get_artifact"}


def test_nothing_but_health_answers_without_a_key(app: FastAPI) -> None:
    nobody = Caller(app, None)
    assert nobody("GET", "/v1/health").json() == {"live": True, "data": None}
    for verb in VERBS:
        answer = nobody(verb.method, verb.path.replace("{", "").replace("}", ""))
        assert answer.status_code == 401, verb.name
        assert answer.json()["kind"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert nobody("GET", "/v1/nothing").status_code == 401
    assert Caller(app, "tg_0123456789_" + "a" * 43)("GET", "/v1/models").status_code == 401


def test_verbs_answer_what_the_installation_answers(owner: Caller, two_versions: Installation) -> None:
    assert owner("GET", "/v1/models").json() == two_versions.list_models()
    assert owner("GET", "/v1/models/delay/versions/2").json() == two_versions.get_version("delay", "2")
    plan = owner("PUT", "/v1/endpoints/flight/traffic", json={"weights": {"1": 0.5, "2": 0.5}})
    assert plan.status_code == 200
    assert plan.json() == two_versions.get_traffic("flight")
    assert plan.json()["created_by"] == "owner"


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


def test_the_idempotency_key_holds_over_http(owner: Caller) -> None:
    header = {"idempotency-key": "once"}
    first = owner("POST", "/v1/models", json={"name": "other"}, headers=header)
    again = owner("POST", "/v1/models", json={"name": "other"}, headers=header)
    assert (first.status_code, again.json()) == (200, first.json())
    assert owner("POST", "/v1/models", json={"name": "third"}, headers=header).status_code == 409


def test_a_key_has_only_its_role(owner: Caller, app: FastAPI) -> None:
    key = owner("POST", "/v1/keys", json={"name": "ana", "role": "auditor"}).json()
    ana = Caller(app, key["key"])
    assert ana("GET", "/v1/models").status_code == 200
    assert ana("POST", "/v1/models", json={"name": "other"}).status_code == 403
    assert ana("POST", "/v1/artifacts", content=b"x").status_code == 403
    assert ana("GET", "/v1/deployment").status_code == 403
    assert owner("POST", f"/v1/keys/{key['id']}/revoke", json={}).status_code == 200
    assert ana("GET", "/v1/models").status_code == 401


def test_artifacts_go_up_and_come_down(owner: Caller, node: Caller, two_versions: Installation) -> None:
    digest = owner("POST", "/v1/artifacts", content=b"graph").json()["digest"]
    assert node("GET", f"/v1/artifacts/{digest}").content == b"graph"
    assert node("GET", "/v1/artifacts/sha256:" + "0" * 64).status_code == 404
    assert node("GET", "/v1/artifacts/..%2F..%2Fowner.key").status_code in {400, 404}
    assert list((two_versions.home.artifacts / "tmp").iterdir()) == []


def test_nodes_follow_the_deployment_and_do_nothing_else(
    node: Caller, owner: Caller, two_versions: Installation, announcements: Announcements
) -> None:
    assert node("GET", "/v1/deployment?after=0&wait=0").status_code == 204
    two_versions.set_traffic("flight", {"1": 1.0})
    document = two_versions.registry.deployments.document()
    assert document is not None
    announcements.announce(document)
    found = node("GET", "/v1/deployment?after=0&wait=20")
    assert json.loads(found.content) == document
    assert node("GET", "/v1/deployment?after=1&wait=0").status_code == 204
    assert node("GET", "/v1/deployment?after=-1").status_code == 400
    assert node("GET", "/v1/models").status_code == 403
    assert owner("GET", "/v1/deployment").status_code == 403


def test_the_client_answers_and_raises_as_the_installation_does(
    client: Client, two_versions: Installation
) -> None:
    assert client.list_models() == two_versions.list_models()
    assert client.create_model("client-made", "by HTTP") == two_versions.get_model("client-made")
    onnx = client.put_artifact(b"three")["digest"]
    made = client.register_version("delay", onnx, signature=SIGNATURE, contract=CONTRACT)
    assert made | {"probe": None} == two_versions.get_version("delay", "3")
    vouch(two_versions, made)
    assert client.set_traffic("flight", {"3": 1.0}) == two_versions.get_traffic("flight")
    with pytest.raises(InvalidInputError, match=r"sum to 0\.5; expected 1"):
        client.set_traffic("flight", {"3": 0.5})
    with pytest.raises(NotFoundError, match="no model 'nope'"):
        client.get_model("nope")
    with pytest.raises(ConflictError, match="exists already"):
        client.create_model("delay")
    assert client.audit_verify()["ok"]


def test_the_client_uploads_files(client: Client, tmp_path: Path, two_versions: Installation) -> None:
    import polars as pl

    file = tmp_path / "flights.parquet"
    pl.DataFrame({"distance": [1.0, 2.0]}).write_parquet(file)
    made = client.register_dataset("flights", file, origin={"kind": "test"})
    assert (made["rows"], made["version"]) == (2, 1)
    assert client.register_dataset("flights", made["digest"]) == made
    with pytest.raises(InvalidInputError, match=r"none\.parquet can't be read"):
        client.register_dataset("flights", tmp_path / "none.parquet")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b'{"error": "no", "kind": "unauthenticated"}', UnauthenticatedError),
        (403, b'{"error": "no"}', PermissionDeniedError),
        (500, b"<html>", InternalError),
        (418, b"[]", InternalError),
    ],
)
def test_answers_become_errors(status: int, body: bytes, kind: type[Exception]) -> None:
    from tidegate.client.transport import failure

    assert type(failure(httpx.Response(status, content=body))) is kind


def test_the_three_faces_have_the_same_verbs() -> None:
    def shape(owner: type, name: str) -> dict[str, Any]:
        parameters = inspect.signature(getattr(owner, name)).parameters
        return {
            parameter.name: (parameter.default, parameter.kind)
            for parameter in parameters.values()
            if parameter.name != "principal"
        }

    for name in BY_NAME:
        assert shape(Client, name) == shape(Installation, name), name
    public = {
        name for name, _ in inspect.getmembers(Installation, inspect.isfunction) if not name.startswith("_")
    }
    plumbing = {"allowed", "artifact", "close", "long", "once", "read"}
    assert public - plumbing == set(BY_NAME)
    public = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert public - {"close", "score", "feedback"} == set(BY_NAME)


def test_an_unforeseen_failure_before_the_application(two_versions: Installation) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("anything")

    boundary = Boundary(broken, authenticate=lambda _: None, home=two_versions.home.root)
    answer = Caller(boundary, "k")("GET", "/v1/models")  # type: ignore[arg-type]
    assert answer.status_code == 500


def test_versions_of_a_new_model(owner: Caller, two_versions: Installation) -> None:
    register(two_versions, "more")
    assert [found["version"] for found in owner("GET", "/v1/models/delay/versions").json()] == ["1", "2", "3"]


def test_scoring_processes_get_another_key_table_as_soon_as_there_is_one(
    node: Caller, owner: Caller, two_versions: Installation
) -> None:
    assert owner("GET", "/v1/scoring-keys").status_code == 403
    first = node("GET", "/v1/scoring-keys")
    known = f"sha256:{hashlib.sha256(first.content).hexdigest()}"
    assert node("GET", f"/v1/scoring-keys?known={known}&wait=0").status_code == 204
    made = threading.Timer(0, two_versions.create_key, ["bob", "scoring_client"])
    made.start()
    second = node("GET", f"/v1/scoring-keys?known={known}&wait=20")
    made.join()
    assert "bob" in {principal["name"] for principal in second.json()["principals"]}


def test_what_scoring_refused_stands_in_the_audit_log_once(two_versions: Installation) -> None:
    denials = Denials(two_versions)
    key = {"reason": "bad_key", "who": "x", "address": "127.0.0.1"}
    denials.record(None)
    denials.record({"pid": 1, "denied": []})
    for pid, count in ((1, 2), (1, 2), (1, 5), (2, 1)):
        denials.record({"pid": pid, "denied": [key | {"count": count}]})
    written = map(json.loads, two_versions.home.audit_file.read_text().splitlines())
    lines = [line for line in written if line["action"] == "access.denied"]
    counts = [line["detail"]["denied"][0]["count"] for line in lines]
    assert sorted(counts) == [1, 2, 3]
    assert {line["actor"] for line in lines} == {"scoring"}
