"""The gate on a blind set: the newest that the maker did not add, judged by somebody else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.gates.test_judging import evidence, one

from tidegate.gates import BlindEvidence, agree, judge
from tidegate.types import Rule


def blind(name: str = "may", **changes: Any) -> BlindEvidence:
    facts: dict[str, Any] = {
        "name": name,
        "added_by": "vera",
        "result": 7,
        "judged_by": "vera",
        "figures": {"rows": 400, "auc": 0.71, "brier": 0.2},
    }
    return BlindEvidence(**(facts | changes))


UNJUDGED: dict[str, Any] = {"result": None, "judged_by": None, "figures": {}}


def test_a_bound_is_met_or_not_and_names_set_and_result() -> None:
    good = one("blind.auc >= 0.71", evidence(blind=[blind()]))
    assert (good.passed, good.says) == (True, "blind.auc is 0.71 on blind set may")
    assert good.figures == {"metric": "blind.auc", "value": 0.71, "bound": 0.71, "set": "may", "result": 7}
    assert not one("blind.auc >= 0.711", evidence(blind=[blind()])).passed
    assert one("blind.brier <= 0.2", evidence(blind=[blind()])).passed


def test_without_a_result_it_has_not_passed() -> None:
    for found, said in (
        ([], "the model has no blind set that its maker did not add"),
        ([blind(**UNJUDGED)], "blind set may has not judged it"),
        ([blind(added_by="ada")], "the model has no blind set that its maker did not add"),
        ([blind(judged_by="ada")], "blind set may has not judged it"),
        ([blind(figures={"failed": "no"})], "on blind set may it failed: no"),
        ([blind(), blind("june", **UNJUDGED)], "blind set june has not judged it"),
    ):
        verdict = one("blind.auc >= 0.1", evidence(blind=found))
        assert (verdict.passed, verdict.says, verdict.figures["value"]) == (False, said, None)


def test_it_is_no_metric_of_the_manifest() -> None:
    told = evidence(metrics={"blind.auc": 0.99, "auc": 0.99}, blind=[])
    assert not one("blind.auc >= 0.6", told).passed
    assert not one("blind.auc >= 0.6", evidence(metrics={}, blind=[])).passed
    unknown = one("blind.f1 >= 0.1", evidence(blind=[blind()]))
    assert unknown.says == "a blind set has no figure blind.f1; it has rows, auc, brier"


def test_a_set_of_the_maker_hides_no_other() -> None:
    verdict = one("blind.auc >= 0.7", evidence(blind=[blind(), blind("mine", added_by="ada")]))
    assert (verdict.passed, verdict.figures["set"]) == (True, "may")


people = st.sampled_from(["ada", "vera", "max"])
sets = st.builds(
    lambda name, added, judged, auc: blind(
        name,
        added_by=added,
        result=None if judged is None else 1,
        judged_by=judged,
        figures={} if judged is None else {"auc": auc},
    ),
    st.sampled_from(["a", "b"]),
    people,
    st.none() | people,
    st.sampled_from([0.4, 0.6, 0.8]),
)


@given(found=st.lists(sets, max_size=4))
def test_it_passes_only_by_others_and_the_same_evidence_says_the_same(found: list[BlindEvidence]) -> None:
    rule = Rule(
        gates=("blind.auc >= 0.6",), approvers=("x",), conversion_tolerance=0.0, require_metrics=False
    )
    told = evidence(blind=found)
    (verdict,) = judge(rule, told)
    assert agree([verdict], judge(rule, told))
    others = [each for each in found if each.added_by != "ada"]
    passes = bool(others) and others[-1].judged_by in {"vera", "max"} and others[-1].figures["auc"] >= 0.6
    assert verdict.passed is passes
