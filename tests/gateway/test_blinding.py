"""Blind validation over HTTP: the same answers as in Python, each key with its own rights, nothing leaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.gateway.callers import BASE, Caller, InProcess
from tests.people import ROLES, keys
from tests.training.blind_sets import key, rows, submit, told, write

from tidegate import Client, Installation
from tidegate.errors import InvalidInputError, NotFoundError, PermissionDeniedError, PreconditionError
from tidegate.gateway import create_app
from tidegate.serving import Announcements

As = Callable[[str], Client]


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, str]:
    identity, recipient = key(tmp_path)
    return write(tmp_path / "may.age", rows(), recipient), identity


@pytest.fixture
def given(installation: Installation) -> dict[str, str]:
    """Everybody's key; version 1 of ``delay``, by ada, stands in uat."""
    found = keys(installation)
    submit(installation)
    return found


@pytest.fixture
def who(installation: Installation, given: dict[str, str]) -> As:
    """A client with somebody's key."""
    app = create_app(installation, Announcements(installation.home.deployments))

    def client(name: str) -> Client:
        made = Client(BASE, given[name])
        made._control._http._transport = InProcess(app)
        return made

    return client


def test_the_client_answers_and_raises_as_the_installation_does(
    who: As, installation: Installation, sealed: tuple[Path, str]
) -> None:
    path, identity = sealed
    vera, ben = who("vera"), who("ben")
    made = vera.add_blind_set("may", "delay", path, 3, "late May", idempotency_key="k")
    assert vera.add_blind_set("may", "delay", path, 3, "late May", idempotency_key="k") == made
    assert installation.add_blind_set("may", "delay", made["artifact"], 3, principal="vera") == made
    found = vera.judge_blind("may", "1", identity, idempotency_key="j")
    assert found == installation.judge_blind("may", "1", identity, principal="vera")
    assert found["figures"]["auc"] > 0.8
    assert ben.list_blind_sets() == installation.list_blind_sets()
    ranking = ben.rank_versions("delay", "production")
    assert ranking == installation.rank_versions("delay", "production")
    assert (ranking["best"], ranking["ranking"][0]["value"]) == ("1", found["figures"]["auc"])
    assert ben.rank_versions("delay", "production", "auc")["ranking"][0]["value"] == 0.71
    with pytest.raises(NotFoundError, match="no blind set 'june'"):
        vera.judge_blind("june", "1", identity)
    vera.add_blind_set("june", "delay", path, 1)
    vera.judge_blind("june", "1", identity)
    submit(installation, "two")
    with pytest.raises(PreconditionError, match="the blind set june is used up"):
        vera.judge_blind("june", "2", identity)


def test_plain_rows_do_not_leave_the_validator(who: As, installation: Installation, tmp_path: Path) -> None:
    rows().write_parquet(tmp_path / "plain.parquet")
    before = sorted(installation.artifacts)
    with pytest.raises(InvalidInputError, match=r"plain\.parquet is not sealed"):
        who("vera").add_blind_set("may", "delay", tmp_path / "plain.parquet")
    assert sorted(installation.artifacts) == before


@pytest.mark.parametrize("name", sorted(ROLES))
def test_each_key_has_its_rights_and_no_other(
    who: As, installation: Installation, given: dict[str, str], sealed: tuple[Path, str], name: str
) -> None:
    path, identity = sealed
    made = installation.add_blind_set("may", "delay", path, principal="vera")
    somebody = who(name)
    calls: list[Callable[[], object]] = [
        lambda: somebody.add_blind_set("june", "delay", made["artifact"]),
        lambda: somebody.judge_blind("may", "1", identity),
    ]
    for call in calls:
        if name == "vera":
            call()
        else:
            with pytest.raises(PermissionDeniedError, match=f"{name} may not"):
                call()
    for reading in (somebody.list_blind_sets, lambda: somebody.rank_versions("delay", "uat")):
        if name == "carl":
            with pytest.raises(PermissionDeniedError):
                reading()
        else:
            reading()
    app = create_app(installation, Announcements(installation.home.deployments))
    onnx = installation.get_version("delay", "1")["manifest"]["onnx"]

    def fetched(key: str, digest: str) -> int:
        return Caller(app, key)("GET", f"/v1/artifacts/{digest}").status_code

    assert fetched(given[name], made["artifact"]) == (200 if name == "vera" else 403)
    assert fetched(given[name], onnx) == (200 if name in {"ada", "otto"} else 403)
    assert fetched(installation.home.node_key(), onnx) == 200
    assert fetched(installation.home.node_key(), made["artifact"]) == 403


def test_no_answer_of_any_call_has_a_row_or_the_identity(
    who: As, installation: Installation, given: dict[str, str], sealed: tuple[Path, str]
) -> None:
    path, identity = sealed
    app = create_app(installation, Announcements(installation.home.deployments))
    answers: list[httpx.Response] = []

    def call(name: str, method: str, path: str, **arguments: object) -> None:
        answers.append(Caller(app, given[name])(method, path, **arguments))

    made = who("vera").add_blind_set("may", "delay", path)
    judging = "/v1/blind-sets/may/judge"
    for body in (
        {"number": "1", "identity": identity, "more": 1},
        {"number": "7", "identity": identity},
        {"number": "1", "identity": [identity]},
        {"number": "1", "identity": identity[:-1]},
        {"number": "1", "identity": identity},
    ):
        call("vera", "POST", judging, json=body)
        call("ada", "POST", judging, json=body)
    for reading in (
        "/v1/blind-sets",
        "/v1/models/delay/versions/1",
        "/v1/models/delay/versions/1/gates",
        "/v1/models/delay/ranking?stage=production",
        "/v1/status",
        "/v1/audit/verify",
        f"/v1/artifacts/{made['artifact']}",
    ):
        for name in ("ada", "vera", "anna"):
            call(name, "GET", reading)
    assert [answer.status_code for answer in answers[:10:2]] == [400, 404, 400, 400, 200]
    assert {answer.status_code for answer in answers[1:10:2]} <= {400, 403}
    secrets = told(identity, rows())
    assert not any(secret in answer.content for answer in answers for secret in secrets)
    assert not any(
        secret in str(entry).encode() for entry in installation.audit.entries() for secret in secrets
    )
