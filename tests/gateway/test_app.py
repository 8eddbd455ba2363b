from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.delay import CONTRACT, SIGNATURE, register, vouch
from tests.gateway.callers import Caller

from tidegate import Client, Installation
from tidegate.errors import (
    ConflictError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    by_kind,
)
from tidegate.gateway.failures import TABLE
from tidegate.installation.verbs import BY_NAME, VERBS


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


def test_versions_of_a_new_model(owner: Caller, two_versions: Installation) -> None:
    register(two_versions, "more")
    assert [found["version"] for found in owner("GET", "/v1/models/delay/versions").json()] == ["1", "2", "3"]
