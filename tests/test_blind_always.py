"""Whatever is done in whatever order: where a gate is blind, production holds what others judged well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.people import keys, submit

import tidegate
from tidegate import Installation
from tidegate.errors import TidegateError
from tidegate.training import blind
from tidegate.training.blind import BlindFigures, Judgement

GATED = """
[stages]
moves = [
    { from = "development", to = "uat", gates = ["conversion", "auc >= 0.6"] },
    { from = "uat", to = "production", gates = ["blind.auc >= 0.6", "approval"] },
    { from = "production", to = "uat", gates = [] },
    { from = "uat", to = "development", gates = [] },
]
"""
SEALED = b"age-encryption.org/v1\n"
AUC = {b"one": 0.7, b"two": 0.55, b"three": 0.9}
"""What a blind set says of the versions 1, 2 and 3."""
BUDGET = 2

people = st.sampled_from(["vera", "vera", "max", "ada", "otto"])
numbers = st.sampled_from(["1", "2", "3"])
sets = st.sampled_from(["may", "june"])
steps = st.one_of(
    st.tuples(st.just("add"), people, sets, st.just("")),
    st.tuples(st.just("judge"), people, sets, numbers),
    st.tuples(st.just("approve"), people, numbers, st.just("production")),
    st.tuples(st.just("promote"), people, numbers, st.sampled_from(["uat", "production", "development"])),
)
Step = tuple[str, str, str, str]


def way(number: str, judge: str, approver: str, mover: str = "otto") -> list[Step]:
    return [
        ("add", judge, "may", ""),
        ("judge", judge, "may", number),
        ("promote", mover, number, "uat"),
        ("approve", approver, number, "production"),
        ("promote", mover, number, "production"),
    ]


PASSED = way("1", "vera", "vera")
SELF_MADE = way("3", "max", "vera")


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that knows the answers; the real one is tested elsewhere."""

    def judged(sealed: Path, onnx: Path, *_: Any) -> Judgement:
        assert sealed.read_bytes().startswith(SEALED)
        auc = AUC[onnx.read_bytes()]
        found = BlindFigures(rows=400, positive_rate=0.3, auc=auc, brier=0.2, log_loss=0.5, accuracy=0.7)
        return Judgement(figures=found, confinement={"seccomp": True})

    monkeypatch.setattr(blind, "judge_blind", judged)


def take(house: Installation, step: Step) -> None:
    verb, who, what, more = step
    if verb == "add":
        digest = house.artifacts.put(SEALED + what.encode())
        house.add_blind_set(what, "delay", digest, BUDGET, principal=who)
    elif verb == "judge":
        house.judge_blind(what, more, "AGE-SECRET-KEY-1", principal=who)
    else:
        getattr(house, f"{verb}_version")("delay", what, more, principal=who)


@settings(max_examples=40, deadline=None)
@example(sequence=PASSED)
@example(sequence=SELF_MADE)
@example(sequence=way("2", "vera", "vera"))
@example(sequence=[*PASSED, ("promote", "otto", "1", "uat"), ("add", "vera", "june", ""), PASSED[-1]])
@given(sequence=st.lists(steps, min_size=4, max_size=30))
def test_no_sequence_of_verbs_passes_a_blind_gate_unjudged(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[Step]
) -> None:
    """Version 1 is good, 2 is weak, 3 is good and its maker max is validator and operator as well."""
    home = Path(tidegate.init(tmp_path_factory.mktemp("any") / "home")["home"])
    (home / "tidegate.toml").write_text(GATED)
    with tidegate.open(home) as house:
        keys(house)
        house.access.create_principal(
            "max", ["data_scientist", "model_validator", "operator"], principal="owner"
        )
        for text, by in (("one", "ada"), ("two", "ada"), ("three", "max")):
            submit(house, text, by=by)
        before: dict[str, str] = {}
        for step in sequence:
            try:
                take(house, step)
            except TidegateError:
                continue
            check(house, before)
        assert house.audit_verify()["ok"]
        stages = [found["stage"] for found in house.list_versions("delay")]
        if sequence == PASSED:
            assert stages == ["production", "development", "development"]
        if sequence == SELF_MADE:
            assert stages == ["development", "development", "uat"]


def check(house: Installation, before: dict[str, str]) -> None:
    """What must hold after every step; ``before`` are the stages that there were."""
    found = house.list_blind_sets()
    for each in found:
        assert len(each["results"]) <= BUDGET
        assert len({result["digest"] for result in each["results"]}) == len(each["results"])
        assert all(result["created_by"] in {"vera", "max"} for result in each["results"])
    for version in house.list_versions("delay"):
        number, maker = version["version"], version["created_by"]
        if version["stage"] == "production" and before.get(number) != "production":
            newest = [each for each in found if each["created_by"] != maker][-1]
            (result,) = [each for each in newest["results"] if each["digest"] == version["digest"]]
            assert result["created_by"] != maker
            assert result["figures"]["auc"] >= 0.6
            assert number != "2"
        assert all(move["holds"] for move in house.version_gates("delay", number)["history"])
        before[number] = version["stage"]
