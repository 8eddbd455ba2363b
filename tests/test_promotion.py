"""Promotion: no way leads past a gate, every refusal says what would satisfy it, every move is kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.people import GOOD, ROLES, keys, submit

import tidegate
from tidegate import Installation
from tidegate.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    SettingsError,
)

Reopen = Callable[..., Installation]


@pytest.fixture
def house(installation: Installation) -> Installation:
    """An installation with its people."""
    keys(installation)
    return installation


@pytest.fixture
def with_settings(home: Path) -> Iterator[Reopen]:
    """Opens the home under other settings, with its people."""
    opened: list[Installation] = []

    def again(text: str) -> Installation:
        (home / "tidegate.toml").write_text(text)
        opened.append(tidegate.open(home))
        keys(opened[-1])
        return opened[-1]

    yield again
    for each in opened:
        each.close()


def promote(house: Installation, number: str, *stages: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for stage in stages:
        made = house.promote_version("delay", number, stage, "because", principal="otto")
    return made


def approve(house: Installation, number: str = "1") -> dict[str, Any]:
    return house.approve_version("delay", number, "production", "looked at it", principal="vera")


def test_the_way_to_production(house: Installation) -> None:
    digest = submit(house)["digest"]
    made = promote(house, "1", "uat")
    assert (made["stage"], made["digest"]) == ("uat", digest)
    assert made["promotion"]["from_stage"] == "development"
    with pytest.raises(PreconditionError) as refused:
        promote(house, "1", "production")
    assert str(refused.value) == (
        "version 1 of delay can't move to production: gate approval has not passed: nobody but its maker ada "
        "has approved it yet; tidegate version approve delay 1 production --reason WHY "
        "(as model_validator, not ada)"
    )
    yes = approve(house)
    assert (yes["digest"], yes["created_by"], yes["roles"]) == (digest, "vera", ["model_validator"])
    assert promote(house, "1", "production")["stage"] == "production"
    assert house.get_version("delay", "1")["stage"] == "production"


def test_a_move_that_is_not_allowed_names_the_first_step(house: Installation) -> None:
    submit(house)
    approve(house)
    with pytest.raises(PreconditionError) as refused:
        promote(house, "1", "production")
    assert str(refused.value) == (
        "version 1 of delay can't move from development to production; from there it can move to uat, "
        "archived; first: tidegate version promote delay 1 uat --reason WHY"
    )
    with pytest.raises(PreconditionError, match="can't move from development to development"):
        promote(house, "1", "development")
    with pytest.raises(InvalidInputError, match="no stage 'prod'; there are development, uat"):
        promote(house, "1", "prod")
    with pytest.raises(NotFoundError, match="no version 7"):
        promote(house, "7", "uat")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"metrics": {"auc": 0.59}},
            "auc is 0.59; a version with auc >= 0.6 is needed: tidegate version register delay --onnx FILE",
        ),
        ({"metrics": {"accuracy": 0.9}}, "the manifest has no number auc; it has accuracy"),
        ({"conversion": {}}, "gate conversion has not passed: the manifest has no figures of a conversion"),
        ({"conversion": GOOD["conversion"] | {"labels_differing": 3}}, "3 labels differ"),
    ],
)
def test_a_gate_of_the_machine_refuses(house: Installation, changes: dict[str, Any], said: str) -> None:
    submit(house, **changes)
    approve(house)
    with pytest.raises(PreconditionError) as refused:
        promote(house, "1", "uat")
    assert said in str(refused.value)
    assert house.get_version("delay", "1")["stage"] == "development"
    assert house.version_gates("delay", "1")["history"] == []


def test_every_gate_that_failed_is_told_at_once(house: Installation) -> None:
    submit(house, metrics={"auc": 0.5}, conversion={})
    with pytest.raises(PreconditionError, match=r"gate conversion has not.*gate auc >= 0\.6 has not"):
        promote(house, "1", "uat")


def test_the_maker_cannot_approve_whatever_their_roles(house: Installation) -> None:
    house.access.create_principal("max", ["data_scientist", "model_validator", "operator"], principal="owner")
    submit(house, by="max")
    with pytest.raises(
        PermissionDeniedError,
        match="max registered version 1 of delay and can't approve it; somebody else must who is "
        "model_validator: tidegate key create NAME --role model_validator",
    ):
        house.approve_version("delay", "1", "production", principal="max")
    submit(house, "two")
    house.approve_version("delay", "2", "production", principal="max")


@pytest.mark.parametrize("name", ["owner", *(ROLES.keys() - {"vera"})])
def test_who_is_no_approver_cannot_approve(house: Installation, name: str) -> None:
    submit(house)
    with pytest.raises(PermissionDeniedError, match="may not approve_version: it needs model_validator"):
        house.approve_version("delay", "1", "production", principal=name)
    assert house.version_gates("delay", "1")["approvals"] == []


@pytest.mark.parametrize("name", sorted(ROLES.keys() - {"otto"}))
def test_who_is_no_operator_cannot_promote(house: Installation, name: str) -> None:
    submit(house)
    with pytest.raises(PermissionDeniedError, match="may not promote_version: it needs operator"):
        house.promote_version("delay", "1", "uat", principal=name)


def test_an_approval_is_of_one_digest_and_one_stage(house: Installation) -> None:
    submit(house)
    submit(house, "two")
    approve(house, "1")
    promote(house, "2", "uat")
    with pytest.raises(PreconditionError, match="gate approval has not passed"):
        promote(house, "2", "production")
    with pytest.raises(
        PreconditionError, match="no move to uat needs an approval: tidegate version promote delay 1"
    ):
        house.approve_version("delay", "1", "uat", principal="vera")


def test_the_same_approval_again_is_the_first(house: Installation) -> None:
    submit(house)
    assert approve(house) == approve(house)
    assert len(house.version_gates("delay", "1")["approvals"]) == 1


def test_what_was_changed_after_the_approval_goes_nowhere(house: Installation, home: Path) -> None:
    made = submit(house, metrics={"auc": 0.59})
    approve(house)
    changed = json.dumps(made["manifest"] | {"metrics": {"auc": 0.99}}, separators=(",", ":"), sort_keys=True)
    with sqlite3.connect(home / "registry.db") as connection:
        connection.execute("UPDATE versions SET manifest = ?", [changed])
    connection.close()
    with pytest.raises(PreconditionError) as refused:
        promote(house, "1", "uat")
    assert str(refused.value) == (
        "version 1 of delay is not what its digest binds any more, so no gate and no approval holds for it: "
        "the manifest of version 1 of delay was changed; tidegate version register delay --onnx FILE"
    )
    with pytest.raises(PreconditionError, match="was changed"):
        approve(house)


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_graph_that_is_another_goes_nowhere(house: Installation, harm: str) -> None:
    made = submit(house)
    approve(house)
    graph = house.artifacts.path(made["manifest"]["onnx"])
    graph.unlink()
    if harm == "changed":
        graph.write_bytes(b"another graph")
    said = "ARTIFACT_HASH_MISMATCH" if harm == "changed" else "there is no artifact"
    with pytest.raises(PreconditionError, match=f"not what its digest binds any more.*{said}"):
        promote(house, "1", "uat")


def test_what_is_stored_gives_the_same_verdicts(house: Installation, home: Path) -> None:
    digest = submit(house)["digest"]
    approve(house)
    promote(house, "1", "uat", "production", "uat")
    found = house.version_gates("delay", "1")
    assert [(move["from_stage"], move["to_stage"], move["holds"]) for move in found["history"]] == [
        ("development", "uat", True),
        ("uat", "production", True),
        ("production", "uat", True),
    ]
    verdicts = found["history"][1]["verdicts"]
    assert [verdict["gate"] for verdict in verdicts] == ["conversion", "auc >= 0.6", "approval"]
    assert {verdict["digest"] for verdict in verdicts} == {digest}
    assert verdicts[2]["figures"] == {"maker": "ada", "approval": 1, "approver": "vera"}
    with sqlite3.connect(home / "registry.db") as connection:
        connection.execute("DELETE FROM approvals")
    connection.close()
    assert [move["holds"] for move in house.version_gates("delay", "1")["history"]] == [True, False, True]


def test_gates_show_what_passed_and_what_is_missing(house: Installation) -> None:
    submit(house)
    moves = {move["to"]: move for move in house.version_gates("delay", "1", principal="anna")["moves"]}
    assert set(moves) == {"uat", "archived"}
    assert moves["uat"]["open"]
    assert moves["archived"] == {"to": "archived", "open": True, "gates": []}
    promote(house, "1", "uat")
    (move,) = house.version_gates("delay", "1", "production")["moves"]
    assert not move["open"]
    assert [gate["passed"] for gate in move["gates"]] == [True, True, False]
    assert move["gates"][2]["command"].startswith("tidegate version approve delay 1 production")
    with pytest.raises(PreconditionError, match="can't move from uat to uat"):
        house.version_gates("delay", "1", "uat")


def test_a_move_is_whole_with_its_audit_entry_and_lineage(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(house)

    def full(*_: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as broken:
        broken.setattr(house.audit, "append", full)
        with pytest.raises(OSError, match="no space"):
            promote(house, "1", "uat")
    assert house.version_gates("delay", "1")["history"] == []
    assert house.get_version("delay", "1")["stage"] == "development"
    approve(house)
    promote(house, "1", "uat", "production")
    entries = {entry["action"]: entry for entry in house.audit.entries(limit=1000)}
    assert entries["approve_version"]["actor"] == "vera"
    assert entries["promote_version"]["detail"]["to"] == "production"
    assert entries["promote_version"]["reason"] == "because"
    assert house.audit_verify()["ok"]
    told = house.graph.explain_version("delay", 1)
    assert [(move["to"], move["by"], move["approvers"]) for move in told["stages"]] == [
        ("uat", "otto", []),
        ("production", "otto", ["vera"]),
    ]
    node = f"version:{told['digest']}"
    assert {edge.relation for edge in house.graph.dependents(node)} == {"moves", "approves"}
    assert [edge.object for edge in house.graph.sources("promotion:2")] == ["approval:1", node]


def test_the_same_key_moves_once(house: Installation) -> None:
    submit(house)
    first = house.promote_version("delay", "1", "uat", principal="otto", idempotency_key="k")
    assert house.promote_version("delay", "1", "uat", principal="otto", idempotency_key="k") == first
    with pytest.raises(ConflictError, match="used for another request"):
        house.promote_version("delay", "1", "archived", principal="otto", idempotency_key="k")


def test_traffic_of_a_trial_home_takes_any_stage(with_settings: Reopen) -> None:
    house = with_settings("require_production = false\n")
    submit(house)
    house.create_endpoint("flight", "delay")
    assert house.set_traffic("flight", {"1": 1.0}, principal="otto")["generation"] == 1


def test_traffic_takes_production_alone(house: Installation) -> None:
    for text in ("one", "two"):
        submit(house, text)
    house.create_endpoint("flight", "delay")
    with pytest.raises(PreconditionError) as refused:
        house.set_traffic("flight", {"1": 1.0}, principal="otto")
    assert str(refused.value) == (
        "version 1 of delay is in development and may not answer: it needs production (require_production); "
        "first: tidegate version promote delay 1 uat --reason WHY"
    )
    approve(house)
    promote(house, "1", "uat", "production")
    with pytest.raises(PreconditionError, match="version 2 of delay is in development and may not shadow"):
        house.set_traffic("flight", {"1": 1.0}, ["2"], principal="otto")
    promote(house, "2", "uat")
    house.set_traffic("flight", {"1": 1.0}, ["2"], principal="otto")
    for number, stage in (("1", "uat"), ("1", "archived"), ("2", "archived")):
        with pytest.raises(PreconditionError, match=rf"serves endpoint flight and can't leave for {stage}"):
            promote(house, number, stage)
    house.set_traffic("flight", {"1": 1.0}, principal="otto")
    promote(house, "2", "archived")


def test_a_house_names_its_own_stages_and_approvers(with_settings: Reopen) -> None:
    house = with_settings(
        "[stages]\nnames = ['lab', 'live']\nanswering = ['live']\nshadowing = ['lab']\n"
        "moves = [{ from = 'lab', to = 'live', gates = ['brier <= 0.2', 'approval'] }]\n"
        "approvers = ['auditor']\n"
    )
    assert submit(house, metrics={"brier": 0.1})["stage"] == "lab"
    with pytest.raises(PermissionDeniedError, match="it needs auditor"):
        house.approve_version("delay", "1", "live", principal="vera")
    house.approve_version("delay", "1", "live", principal="anna")
    promote(house, "1", "live")
    with pytest.raises(PreconditionError, match="can move to nowhere; no moves lead there"):
        promote(house, "1", "lab")


@pytest.mark.parametrize("role", ["administrator", "scoring_client", "retraining_worker", "king"])
def test_who_never_may_approve(home: Path, role: str) -> None:
    (home / "tidegate.toml").write_text(f"[stages]\napprovers = ['{role}']\n")
    with pytest.raises(SettingsError, match=f"stages.approvers: '{role}' can't approve"):
        tidegate.open(home)
    (home / "tidegate.toml").write_text("")
    tidegate.open(home).close()
