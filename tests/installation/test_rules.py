"""Rules of a plan: kept when weights change, restored by undo, refused where they can't decide."""

from __future__ import annotations

from typing import Any

import pytest
from tests.delay import register

from tidegate import Installation
from tidegate.errors import InvalidInputError, NotFoundError, PreconditionError

GOLD: dict[str, Any] = {"header": "x-tier", "equals": "gold", "version": "2"}


def live(here: Installation) -> dict[str, Any]:
    document = here.registry.deployments.document()
    assert document is not None
    entry: dict[str, Any] = document["endpoints"][0]
    return entry


def test_rules_stay_when_weights_change_and_undo_restores_them(two_versions: Installation) -> None:
    here = two_versions
    here.set_traffic("flight", {"1": 1.0})
    plain = live(here)
    assert "rules" not in plain
    made = here.set_rules("flight", [GOLD], "for gold")
    assert made["rules"] == [{**GOLD, "column": None}]
    assert {row["version"]: row["weight"] for row in made["variants"]} == {"1": 1.0, "2": 0.0}
    ruled = live(here)
    assert ruled["rules"] == [GOLD]
    assert [variant["slots"] for variant in ruled["variants"]] == [[[0, 9999]], []]

    here.set_traffic("flight", {"1": 0.9, "2": 0.1})
    assert live(here)["rules"] == [GOLD]
    here.set_traffic("flight", {"1": 1.0})
    assert live(here)["rules"] == [GOLD], "a version of a rule stays in the plan"
    here.set_rules("flight", [])
    assert [variant["version"] for variant in live(here)["variants"]] == ["1"]

    here.undo_traffic("flight")
    assert live(here)["rules"] == [GOLD]
    for _ in range(3):
        here.undo_traffic("flight")
    assert live(here) == plain


def test_rules_are_audited(two_versions: Installation) -> None:
    two_versions.set_traffic("flight", {"1": 1.0})
    two_versions.set_rules("flight", [GOLD], "for gold")
    line = two_versions.home.audit_file.read_text().splitlines()[-1]
    assert '"x-tier"' in line
    assert "for gold" in line
    assert two_versions.audit_verify()["ok"]


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        ({"equals": "x", "version": "1"}, InvalidInputError, "either a header or a column"),
        ({"header": "H", "equals": "x", "version": "1"}, InvalidInputError, "header"),
        ({"column": "zip", "equals": "x", "version": "1"}, InvalidInputError, "no column 'zip'"),
        ({"header": "h", "equals": "x", "version": "9"}, NotFoundError, "9"),
        ({"header": "h", "equals": "x", "version": "2"}, InvalidInputError, "version 2 is to be a shadow"),
    ],
)
def test_a_rule_that_can_not_decide_is_refused(
    two_versions: Installation, rule: dict[str, Any], error: type[Exception], words: str
) -> None:
    two_versions.set_traffic("flight", {"1": 1.0}, shadows=["2"])
    before = live(two_versions)
    with pytest.raises(error, match=words):
        two_versions.set_rules("flight", [rule])
    assert live(two_versions) == before


def test_a_plan_comes_before_rules_and_a_ruled_version_does_not_retire(two_versions: Installation) -> None:
    with pytest.raises(PreconditionError, match="no traffic plan yet"):
        two_versions.set_rules("flight", [GOLD])
    register(two_versions, "three")
    two_versions.set_traffic("flight", {"1": 1.0})
    two_versions.set_rules("flight", [GOLD])
    with pytest.raises(PreconditionError, match="traffic rule remove"):
        two_versions.retire_version("delay", "2")
