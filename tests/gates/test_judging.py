"""Gates: each verdict follows from the evidence alone, is bound to the digest, and is given again."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import InvalidInputError
from tidegate.gates import Evidence, agree, judge
from tidegate.types import Approval, Rule, Verdict

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
FAITHFUL = {"rows": 1000, "max_difference": 2e-7, "labels_differing": 0, "ties": 1, "tolerance": 1e-5}


def rule(*gates: str, **changes: Any) -> Rule:
    facts = {"approvers": ("model_validator",), "conversion_tolerance": 1e-5, "require_metrics": False}
    return Rule(gates=gates, **(facts | changes))


def approval(**changes: Any) -> Approval:
    facts: dict[str, Any] = {
        "id": 1,
        "digest": DIGEST,
        "stage": "production",
        "roles": ("model_validator",),
        "created_at": datetime(2013, 3, 1, tzinfo=UTC),
        "created_by": "vera",
    }
    return Approval(**(facts | changes))


def evidence(**changes: Any) -> Evidence:
    facts: dict[str, Any] = {
        "digest": DIGEST,
        "maker": "ada",
        "stage": "production",
        "metrics": {"auc": 0.71, "rows": 1000},
        "conversion": FAITHFUL,
        "approvals": [],
    }
    return Evidence(**(facts | changes))


def one(gate: str, found: Evidence, **changes: Any) -> Verdict:
    (verdict,) = judge(rule(gate, **changes), found)
    return verdict


def test_a_bound_is_met_or_not_and_says_the_value() -> None:
    good = one("auc >= 0.71", evidence())
    assert (good.passed, good.digest, good.says) == (True, DIGEST, "auc is 0.71")
    assert not one("auc >= 0.72", evidence()).passed
    assert one("brier <= 0.2", evidence(metrics={"brier": 0.2})).passed
    assert not one("brier <= 0.2", evidence(metrics={"brier": 0.21})).passed


@given(value=st.floats(allow_nan=False, allow_infinity=False), bound=st.decimals(-100, 100, places=3))
def test_a_bound_is_the_comparison(value: float, bound: Any) -> None:
    found = evidence(metrics={"m": value})
    assert one(f"m >= {bound:f}", found).passed == (value >= float(bound))
    assert one(f"m <= {bound:f}", found).passed == (value <= float(bound))


@pytest.mark.parametrize("value", [None, True, "0.9", math.nan, math.inf, [0.9]])
def test_what_is_no_number_meets_no_bound(value: Any) -> None:
    verdict = one("auc >= 0.5", evidence(metrics={"auc": value, "brier": 0.2}))
    assert (verdict.passed, verdict.says) == (False, "the manifest has no number auc; it has brier")


def test_a_version_without_metrics_is_not_judged_unless_told() -> None:
    bare = evidence(metrics={})
    assert one("auc >= 0.6", bare).passed
    assert one("auc >= 0.6", bare).says == "not judged: the version has no metrics"
    assert not one("auc >= 0.6", bare, require_metrics=True).passed


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        ({"max_difference": 1e-5}, True),
        ({"max_difference": 1.1e-5}, False),
        ({"labels_differing": 1}, False),
        ({"rows": 0}, False),
        ({"tolerance": 1.0}, False),  # labels that differ were forgiven within the maker's own tolerance
        ({"max_difference": None}, False),
        ({"max_difference": math.nan}, False),
        ({"max_difference": -1.0}, False),
        ({"rows": True}, False),
    ],
)
def test_a_conversion_is_judged_by_the_house_s_tolerance(changes: dict[str, Any], passed: bool) -> None:
    assert one("conversion", evidence(conversion=FAITHFUL | changes)).passed is passed


def test_a_file_that_was_never_converted_needs_its_golden_run() -> None:
    assert one("conversion", evidence(conversion={"kind": "none", "golden": {"rows": 100}})).passed
    for conversion in ({"kind": "none"}, {"kind": "none", "golden": {"rows": 0}}, {}):
        assert not one("conversion", evidence(conversion=conversion)).passed


@pytest.mark.parametrize(
    "changes",
    [
        {"created_by": "ada"},
        {"digest": OTHER},
        {"stage": "uat"},
        {"roles": ("operator",)},
        {"roles": ()},
    ],
    ids=["its maker", "another digest", "another stage", "another role", "no role"],
)
def test_an_approval_that_does_not_count(changes: dict[str, Any]) -> None:
    verdict = one("approval", evidence(approvals=[approval(**changes)]))
    assert not verdict.passed
    assert verdict.figures["approval"] is None


def test_the_first_approval_that_counts_is_named() -> None:
    given = [approval(created_by="ada"), approval(id=2), approval(id=3, created_by="vincent")]
    verdict = one("approval", evidence(approvals=given))
    assert verdict.figures == {"maker": "ada", "approval": 2, "approver": "vera"}
    # what is approved later changes no verdict that was given
    assert agree([verdict], [one("approval", evidence(approvals=given[:2]))])


def test_a_gate_that_there_is_not() -> None:
    with pytest.raises(InvalidInputError, match="there is no gate 'luck'"):
        one("luck", evidence())


names = st.sampled_from(["ada", "vera", "vincent"])
roles = st.lists(st.sampled_from(["model_validator", "operator"]), max_size=2).map(tuple)
approvals = st.lists(
    st.builds(
        approval,
        created_by=names,
        roles=roles,
        digest=st.sampled_from([DIGEST, OTHER]),
        stage=st.sampled_from(["uat", "production"]),
    ),
    max_size=4,
)


@given(given=approvals, auc=st.one_of(st.none(), st.floats(0, 1)), maker=names)
def test_verdicts_survive_being_stored_and_are_given_again(
    given: list[Approval], auc: float | None, maker: str
) -> None:
    found = evidence(maker=maker, metrics={"auc": auc}, approvals=given)
    stated = rule("conversion", "auc >= 0.6", "approval")
    verdicts = judge(stated, found)
    assert [verdict.gate for verdict in verdicts] == list(stated.gates)
    assert {verdict.digest for verdict in verdicts} == {DIGEST}
    stored = [Verdict.model_validate(json.loads(json.dumps(each.to_json()))) for each in verdicts]
    again = judge(Rule.model_validate(json.loads(json.dumps(stated.to_json()))), found)
    assert agree(stored, again)
    approver = verdicts[2].figures["approver"]
    assert verdicts[2].passed == (approver is not None)
    assert approver != maker


def test_judgements_of_other_evidence_do_not_agree() -> None:
    verdicts = judge(rule("auc >= 0.6"), evidence())
    assert not agree(verdicts, judge(rule("auc >= 0.6"), evidence(metrics={"auc": 0.7})))
    assert not agree(verdicts, judge(rule("auc >= 0.6"), evidence(digest=OTHER)))
    assert not agree(verdicts, [])
