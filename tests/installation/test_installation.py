from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.delay import CONTRACT, SIGNATURE, register

import tidegate
from tidegate import Installation
from tidegate.errors import (
    ConflictError,
    HomeLockedError,
    HomeMissingError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    SettingsError,
)


class Refusing:
    """A publisher that refuses the deployments of some generations."""

    def __init__(self, *refused: int) -> None:
        self.refused = refused
        self.published: list[dict[str, Any]] = []

    def publish(self, deployment: dict[str, Any]) -> None:
        if deployment["generation"] in self.refused:
            raise PreconditionError("the graph does not load")
        self.published.append(deployment)


def test_init_makes_a_home_with_an_owner(tmp_path: Path) -> None:
    made = tidegate.init(tmp_path / "home")
    key = Path(made["owner_key"])
    assert key.stat().st_mode & 0o777 == 0o600
    with tidegate.open(made["home"]) as opened:
        assert opened.access.authenticate(key.read_text().strip()).name == "owner"
        assert opened.audit_verify()["ok"]
    with pytest.raises(ConflictError, match="is a home already"):
        tidegate.init(tmp_path / "home")


def test_a_missing_home_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(HomeMissingError, match="tidegate init"):
        tidegate.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_held_home_names_who_holds_it(home: Path) -> None:
    with tidegate.open(home), pytest.raises(HomeLockedError, match=f"held by process {os.getpid()}"):
        tidegate.open(home)
    tidegate.open(home).close()


def test_an_unknown_setting_is_named_and_the_home_let_go(home: Path) -> None:
    (home / "tidegate.toml").write_text("prot = 8000\n")
    with pytest.raises(SettingsError, match=r"prot.*port"):
        tidegate.open(home)
    (home / "tidegate.toml").write_text("")
    tidegate.open(home).close()


def test_the_way_to_traffic(two_versions: Installation) -> None:
    plan = two_versions.set_traffic("flight", {"1": 0.9, "2": 0.1}, reason="a look at version 2")
    assert plan["generation"] == 1
    assert [(v["version"], v["weight"], v["shadow"]) for v in plan["variants"]] == [
        ("1", 0.9, False),
        ("2", 0.1, False),
    ]
    assert two_versions.get_traffic("flight") == plan
    files = sorted(two_versions.home.deployments.glob("*.json"))
    assert [file.name for file in files] == ["1.json"]
    document = json.loads(files[0].read_bytes())
    variants = document["endpoints"][0]["variants"]
    assert [variant["slots"] for variant in variants] == [[[0, 8999]], [[9000, 9999]]]
    assert document == two_versions.registry.deployments.document()


def test_a_shadow_never_has_slots(two_versions: Installation) -> None:
    two_versions.set_traffic("flight", {"1": 1.0}, shadows=["2"])
    document = two_versions.registry.deployments.document()
    assert document is not None
    shadow = document["endpoints"][0]["variants"][1]
    assert (shadow["version"], shadow["shadow"], shadow["weight"], shadow["slots"]) == ("2", True, 0.0, [])


def test_undoing_a_change_gives_back_the_same_slots(two_versions: Installation) -> None:
    documents = []
    for weights in (
        {"1": 1.0},
        {"1": 0.7, "2": 0.3},
        {"1": 0.95, "2": 0.05},
        {"1": 0.7, "2": 0.3},
        {"1": 1.0},
    ):
        two_versions.set_traffic("flight", weights)
        document = two_versions.registry.deployments.document()
        assert document is not None
        documents.append({v["version"]: v["slots"] for v in document["endpoints"][0]["variants"]})
    assert documents[1] == documents[3]
    assert documents[0] == documents[4]


@pytest.mark.parametrize(
    ("weights", "shadows", "message"),
    [
        ({"1": 0.5, "2": 0.4}, [], "sum to 0.9; expected 1"),
        ({"1": 1.5, "2": -0.5}, [], "version 1 has weight 1.5; expected 0 to 1"),
        ({"1": float("nan")}, [], "version 1 has weight nan"),
        ({}, [], "weights name no version"),
        ({"1": 1.0}, ["1"], "version 1 is both weighted and a shadow"),
        ({"1": 1.0}, ["2", "2"], "a shadow is named twice"),
    ],
)
def test_weights_that_are_refused(
    two_versions: Installation, weights: dict[str, float], shadows: list[str], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        two_versions.set_traffic("flight", weights, shadows)
    assert two_versions.registry.deployments.generation() == 0


def test_what_does_not_exist_is_named(two_versions: Installation) -> None:
    with pytest.raises(NotFoundError, match="no version 7; it has 1 to 2"):
        two_versions.set_traffic("flight", {"7": 1.0})
    with pytest.raises(NotFoundError, match="no endpoint 'flihgt'; there are: flight"):
        two_versions.set_traffic("flihgt", {"1": 1.0})
    with pytest.raises(NotFoundError, match="'flight' has no traffic plan yet"):
        two_versions.get_traffic("flight")
    with pytest.raises(InvalidInputError, match="not a prediction id"):
        two_versions.lineage("17")


def test_a_version_that_needs_another_input_is_refused(two_versions: Installation) -> None:
    wider = json.loads(json.dumps(CONTRACT))
    wider["inputs"].append({"name": "age", "datatype": "FP32", "shape": [-1, 1], "columns": ["age"]})
    register(two_versions, "three", contract=wider)
    with pytest.raises(InvalidInputError, match="version 3 of delay takes input 'age'"):
        two_versions.set_traffic("flight", {"3": 1.0})
    narrower = json.loads(json.dumps(CONTRACT))
    del narrower["inputs"][1]
    register(two_versions, "four", contract=narrower)
    assert two_versions.set_traffic("flight", {"4": 1.0})["generation"] == 1


def test_a_plan_that_cannot_be_served_is_taken_back(
    two_versions: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Refusing(2)
    monkeypatch.setattr(type(two_versions), "publisher", property(lambda _: publisher))
    good = two_versions.set_traffic("flight", {"1": 1.0})
    with pytest.raises(PreconditionError, match="the graph does not load"):
        two_versions.set_traffic("flight", {"2": 1.0})
    back = two_versions.get_traffic("flight")
    assert back["generation"] == 3
    assert back["variants"] == good["variants"]
    assert "generation 2 could not be served" in back["reason"]
    assert [deployment["generation"] for deployment in publisher.published] == [1, 3]
    assert publisher.published[0]["endpoints"] == publisher.published[1]["endpoints"]


def test_a_first_plan_that_cannot_be_served_leaves_none(
    two_versions: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Refusing(1)
    monkeypatch.setattr(type(two_versions), "publisher", property(lambda _: publisher))
    with pytest.raises(PreconditionError):
        two_versions.set_traffic("flight", {"1": 1.0})
    with pytest.raises(NotFoundError, match="no traffic plan yet"):
        two_versions.get_traffic("flight")
    assert two_versions.set_traffic("flight", {"2": 1.0})["generation"] == 3


def test_a_crash_before_the_file_is_rolled_forward(two_versions: Installation, home: Path) -> None:
    two_versions.set_traffic("flight", {"1": 1.0})
    file = home / "deployments" / "1.json"
    before = json.loads(file.read_bytes())
    two_versions.close()
    file.unlink()
    tidegate.open(home).close()
    assert json.loads(file.read_bytes()) == before


def test_the_same_key_gives_the_same_answer(installation: Installation) -> None:
    first = installation.create_model("delay", idempotency_key="k")
    assert installation.create_model("delay", idempotency_key="k") == first
    with pytest.raises(ConflictError, match="used for another request"):
        installation.create_model("other", idempotency_key="k")


def test_a_key_is_shown_once(installation: Installation) -> None:
    made = installation.create_key("ana", "auditor", idempotency_key="k")
    again = installation.create_key("ana", "auditor", idempotency_key="k")
    assert installation.access.authenticate(made["key"]).name == "ana"
    assert again == made | {"key": None}
    kept = installation.database.query("SELECT response FROM idempotency")
    assert made["key"] not in str(kept)
    assert installation.revoke_key(made["id"])["revoked_at"] is not None


def test_everyone_is_asked_for_their_right(installation: Installation) -> None:
    installation.create_key("ana", "auditor")
    with pytest.raises(PermissionDeniedError, match="ana may not create_model"):
        installation.create_model("delay", principal="ana")
    assert installation.list_models(principal="ana") == []
    with pytest.raises(NotFoundError, match="no principal 'bob'"):
        installation.list_models(principal="bob")


def test_malformed_values_are_named(installation: Installation) -> None:
    installation.create_model("delay")
    onnx = installation.put_artifact(b"graph")["digest"]
    with pytest.raises(InvalidInputError, match=r"contract\.inputs\.0\.datatype"):
        installation.register_version(
            "delay",
            onnx,
            signature=SIGNATURE,
            contract={
                "inputs": [{"name": "x", "datatype": "F32", "shape": [-1], "columns": ["x"]}],
                "outputs": [],
            },
        )
    with pytest.raises(NotFoundError, match="no artifact sha256:00"):
        installation.register_version("delay", "sha256:" + "0" * 64, signature=SIGNATURE, contract=CONTRACT)
    with pytest.raises(InvalidInputError, match=r"there is no file nowhere\.parquet"):
        installation.register_dataset("flights", "nowhere.parquet")


def test_context_columns_are_checked(two_versions: Installation) -> None:
    made = two_versions.create_endpoint(
        "keyed", "delay", context=[{"name": "tail", "datatype": "BYTES", "role": "key"}]
    )
    assert made["contract"]["context"] == [{"name": "tail", "datatype": "BYTES", "role": "key"}]
    with pytest.raises(InvalidInputError, match="'distance' stands twice"):
        two_versions.create_endpoint("twice", "delay", context=[{"name": "distance", "datatype": "FP32"}])
    with pytest.raises(InvalidInputError, match="'tail' is a routing key of type FP64"):
        two_versions.create_endpoint(
            "floating", "delay", context=[{"name": "tail", "datatype": "FP64", "role": "key"}]
        )


def test_status_names_what_is_there(two_versions: Installation) -> None:
    status = two_versions.status()
    assert (status["models"], status["endpoints"], status["server"]) == (["delay"], ["flight"], None)
    json.dumps(status)
