"""Retirement: only what answers nothing, out of every plan, and what it answered stays explained."""

from __future__ import annotations

from typing import Any

import pytest
from tests.monitoring.spools import label, scored, segment
from tests.people import keys, submit, to_production

from tidegate import Installation
from tidegate.errors import InvalidInputError, NotFoundError, PreconditionError, UnavailableError

PREDICTION = "0190a2b0-0000-7000-8000-000000000001"


@pytest.fixture
def house(installation: Installation) -> Installation:
    """Version 1 answers ``flight`` and ``night``, 2 shadows ``flight``, 3 stands in development."""
    keys(installation)
    for text in ("one", "two", "three"):
        submit(installation, text)
    to_production(installation, "1")
    to_production(installation, "2")
    for endpoint in ("flight", "night"):
        installation.create_endpoint(endpoint, "delay", "1")
    installation.set_traffic("flight", {"1": 1.0}, ["2"], principal="otto")
    installation.set_traffic("night", {"1": 1.0}, principal="otto")
    return installation


def retire(house: Installation, number: str, reason: str = "worse", **more: Any) -> dict[str, Any]:
    return house.retire_version("delay", number, reason, principal="otto", **more)


def plan(house: Installation, endpoint: str = "flight") -> dict[str, str]:
    return {
        row["version"]: "shadow" if row["shadow"] else str(row["weight"])
        for row in house.get_traffic(endpoint)["variants"]
    }


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"1": 1.0}, "answers 100.00% of the requests of endpoint flight and can't retire; first give its"),
        ({"1": 0.25, "2": 0.75}, "answers 25.00% .* share to others: tidegate traffic set flight 2=1$"),
    ],
)
def test_what_answers_is_refused_with_the_command_that_helps(
    house: Installation, weights: dict[str, float], said: str
) -> None:
    house.set_traffic("flight", weights)
    before = house.registry.deployments.generation()
    with pytest.raises(PreconditionError, match=said):
        retire(house, "1")
    assert house.registry.deployments.generation() == before
    assert house.get_version("delay", "1")["stage"] == "production"


def test_a_shadow_leaves_its_plans_and_then_its_stage(house: Installation) -> None:
    house.set_traffic("night", {"1": 1.0, "2": 0.0}, mirror=True)
    slots = [entry["variants"][0]["slots"] for entry in document(house)["endpoints"]]
    made = retire(house, "2")
    assert (made["stage"], made["left"], made["promotion"]["from_stage"]) == (
        "archived",
        ["flight", "night"],
        "production",
    )
    assert plan(house) == plan(house, "night") == {"1": "1.0"}
    assert [entry["variants"][0]["slots"] for entry in document(house)["endpoints"]] == slots
    assert house.get_traffic("night")["variants"][0]["mirror"]
    assert not house.get_traffic("flight")["variants"][0]["mirror"]
    assert house.get_traffic("flight")["reason"] == "version 2 retires: worse"
    told = [entry for entry in house.audit.entries(limit=1000) if entry["action"] == "retire_version"]
    assert [(entry["actor"], entry["reason"], entry["detail"]["left"]) for entry in told] == [
        ("otto", "worse", ["flight", "night"])
    ]
    assert house.audit_verify()["ok"]


def document(house: Installation) -> dict[str, Any]:
    found = house.registry.deployments.document()
    assert found is not None
    return found


def test_a_version_in_no_plan_only_moves(house: Installation) -> None:
    before = house.registry.deployments.generation()
    assert retire(house, "3")["left"] == []
    assert house.registry.deployments.generation() == before
    with pytest.raises(PreconditionError, match="version 3 of delay is retired already: it is in archived"):
        retire(house, "3")
    with pytest.raises(NotFoundError, match="no version 9"):
        retire(house, "9")


def test_the_same_key_retires_once(house: Installation) -> None:
    first = retire(house, "2", idempotency_key="k")
    assert retire(house, "2", idempotency_key="k") == first


@pytest.mark.parametrize("trial", [False, True])
def test_the_retired_serve_no_more_whatever_the_settings(house: Installation, trial: bool) -> None:
    relaxed = house.settings.model_copy(update={"require_production": not trial})
    house.promoter._settings = relaxed
    with pytest.raises(PreconditionError, match=r"serves endpoint flight .*tidegate version retire delay 2"):
        house.promote_version("delay", "2", "archived", principal="otto")
    retire(house, "2")
    for weights, shadows in (({"2": 1.0}, []), ({"1": 1.0}, ["2"])):
        with pytest.raises(PreconditionError, match=r"is retired \(archived\) and serves no more; first: "):
            house.set_traffic("flight", weights, shadows)
    house.promote_version("delay", "2", "development", principal="otto")


class Scoring:
    """A scoring process that lets go of a version, or does not."""

    def __init__(self, *, lets_go: bool) -> None:
        self.lets_go = lets_go
        self.published: list[int] = []
        self.asked: list[tuple[str, int]] = []

    def publish(self, deployment: dict[str, Any]) -> None:
        self.published.append(deployment["generation"])

    def until_gone(self, digest: str) -> None:
        self.asked.append((digest, len(self.published)))
        if not self.lets_go:
            raise UnavailableError("the scoring process did not confirm")


def test_it_stays_in_its_stage_until_the_scoring_process_let_go(house: Installation) -> None:
    digest = house.get_version("delay", "2")["digest"]
    stuck = Scoring(lets_go=False)
    house.serving = stuck  # type: ignore[assignment]
    with pytest.raises(UnavailableError):
        retire(house, "2")
    assert stuck.asked == [(digest, 1)]
    assert (house.get_version("delay", "2")["stage"], plan(house)) == ("production", {"1": "1.0"})
    house.serving = Scoring(lets_go=True)  # type: ignore[assignment]
    assert retire(house, "2")["stage"] == "archived"
    house.serving = None


def test_a_house_without_such_a_stage_is_told_the_setting(house: Installation) -> None:
    house.promoter._policy = house.settings.stages.model_copy(update={"retired": "attic"})
    with pytest.raises(
        InvalidInputError, match=r"stages\.retired: there is no stage 'attic'; expected one of"
    ):
        retire(house, "2")
    house.promoter._policy = house.settings.stages.model_copy(update={"moves": ()})
    with pytest.raises(PreconditionError, match="can't move from production to archived"):
        retire(house, "2")


def test_what_it_answered_stays_explained(house: Installation) -> None:
    old = house.get_version("delay", "1")
    row = scored(PREDICTION, generation=2, variant=old["digest"], model="delay")
    segment(house.home.predictions / "flight", [row])
    segment(house.home.labels / "flight", [label(PREDICTION, 1.0)])
    for endpoint in ("flight", "night"):
        house.set_traffic(endpoint, {"2": 1.0}, reason="better", principal="otto")
    retire(house, "1")
    told = house.lineage(PREDICTION, principal="anna")
    assert told["prediction"]["rows"] == [{"row": 0, "score": 0.5, "label": 1.0}]
    assert [variant["version"] for variant in told["plan"]["variants"]] == ["1", "2"]
    assert (told["then"]["stage"], told["then"]["approvers"]) == ("production", ["vera"])
    assert [gate["gate"] for gate in told["then"]["gates"]] == ["conversion", "auc >= 0.6", "approval"]
    assert told["version"]["stage"] == "archived"
    assert [(move["to"], move["by"]) for move in told["version"]["stages"]] == [
        ("uat", "otto"),
        ("production", "otto"),
        ("archived", "otto"),
    ]
    periods = house.performance("flight")["periods"]
    assert [(period["version"], period["labelled"]) for period in periods] == [("1", 1)]
    assert house.drift("flight")["alarms"] == []
