"""The order of candidates: by the figure, the right way round, the older first among equals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gates.test_blind import blind
from tests.gates.test_judging import evidence

from tidegate.gates import Candidate, figure, ranked

values = st.none() | st.sampled_from([0.1, 0.2, 0.7, 0.71])


def candidate(number: int, value: float | None, says: str = "") -> Candidate:
    return Candidate(version=str(number), digest=f"d{number}", stage="uat", value=value, says=says)


@given(
    found=st.lists(st.tuples(values, st.booleans()), max_size=6),
    by=st.sampled_from(["auc", "blind.auc", "brier", "blind.log_loss"]),
)
def test_the_best_comes_first_and_of_equals_the_older(
    found: list[tuple[float | None, bool]], by: str
) -> None:
    given_ = [candidate(n, value, "" if may else "no") for n, (value, may) in enumerate(found)]
    order = ranked(given_, by)
    assert {each.version for each in order} == {
        each.version for each in given_ if not each.says and each.value is not None
    }
    sign = 1 if "auc" in by else -1
    keys = [(sign * (each.value or 0.0), -int(each.version)) for each in order]
    assert keys == sorted(keys, reverse=True)


@pytest.mark.parametrize(
    ("by", "value"),
    [("auc", 0.71), ("blind.brier", 0.2), ("blind.f1", None), ("rows", 1000.0), ("f1", None)],
)
def test_the_figure_is_the_manifest_s_or_the_newest_set_s(by: str, value: float | None) -> None:
    assert figure(by, evidence(blind=[blind()])) == value


def test_no_figure_without_a_set_of_others_or_a_finite_value() -> None:
    assert figure("blind.auc", evidence(blind=[])) is None
    assert figure("blind.auc", evidence(blind=[blind(judged_by="ada")])) is None
    assert figure("auc", evidence(metrics={"auc": math.nan})) is None
