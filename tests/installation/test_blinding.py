"""Blind validation through the verbs: who may, what is kept, what a gate makes of it, who goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.people import keys
from tests.training.blind_sets import contract, key, rows, submit, told, write

import tidegate
from tidegate import Installation
from tidegate.errors import (
    ArtifactCorruptError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
)
from tidegate.training import blind

GATED = """
[stages]
moves = [
    { from = "development", to = "uat", gates = [] },
    { from = "uat", to = "production", gates = ["conversion", "blind.auc >= 0.6"] },
    { from = "production", to = "uat", gates = [] },
]
"""


@pytest.fixture
def house(home: Path) -> Iterator[Installation]:
    """Production needs a blind AUC of 0.6; ``max`` is scientist, validator and operator at once."""
    (home / "tidegate.toml").write_text(GATED)
    with tidegate.open(home) as opened:
        keys(opened)
        opened.access.create_principal(
            "max", ["data_scientist", "model_validator", "operator"], principal="owner"
        )
        yield opened


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, str]:
    """A sealed file and the identity that opens it, outside of the home."""
    identity, recipient = key(tmp_path)
    return write(tmp_path / "may.age", rows(), recipient), identity


def judge(house: Installation, identity: str, number: str = "1", who: str = "vera") -> dict[str, Any]:
    return house.judge_blind("may", number, identity, principal=who)


def test_a_version_is_judged_by_rows_that_nobody_reads(
    house: Installation, sealed: tuple[Path, str], home: Path
) -> None:
    path, identity = sealed
    submit(house)
    with pytest.raises(PreconditionError) as refused:
        house.promote_version("delay", "1", "production", principal="otto")
    assert str(refused.value).endswith(
        "the model has no blind set that its maker did not add; "
        "tidegate blind add NAME delay FILE.age (as model_validator, not ada)"
    )
    made = house.add_blind_set("may", "delay", path, description="late May", principal="vera")
    assert (made["budget"], made["created_by"]) == (20, "vera")
    with pytest.raises(PreconditionError) as refused:
        house.promote_version("delay", "1", "production", principal="otto")
    assert "gate blind.auc >= 0.6 has not passed: blind set may has not judged it" in str(refused.value)
    assert "tidegate blind judge may delay 1 --identity FILE (as model_validator, not ada)" in str(
        refused.value
    )
    found = judge(house, identity)
    assert found["figures"]["auc"] > 0.8
    assert found["figures"]["rows"] == 400
    assert found["confinement"]["seccomp"]
    moved = house.promote_version("delay", "1", "production", principal="otto")
    (verdict,) = [v for v in moved["promotion"]["verdicts"] if v["gate"].startswith("blind")]
    assert verdict["figures"]["set"] == "may"
    assert verdict["figures"]["result"] == found["id"]
    (listed,) = house.list_blind_sets(principal="ada")
    assert listed == made | {"left": 19, "results": [found]}
    house.database.checkpoint()
    files = [file for file in home.rglob("*") if file.is_file()]
    assert len(files) > 5
    for file in files:
        data = file.read_bytes()
        assert not any(secret in data for secret in told(identity, rows())), file


def test_history_holds_when_a_newer_set_comes(house: Installation, sealed: tuple[Path, str]) -> None:
    path, identity = sealed
    submit(house)
    house.add_blind_set("may", "delay", path, principal="vera")
    judge(house, identity)
    house.promote_version("delay", "1", "production", principal="otto")
    house.add_blind_set("june", "delay", path, principal="vera")
    shown = house.version_gates("delay", "1")
    assert all(move["holds"] for move in shown["history"])
    house.promote_version("delay", "1", "uat", principal="otto")
    with pytest.raises(PreconditionError, match="blind set june has not judged it"):
        house.promote_version("delay", "1", "production", principal="otto")


def test_a_version_is_judged_once_and_nothing_runs_again(
    house: Installation, sealed: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, identity = sealed
    submit(house)
    house.add_blind_set("may", "delay", path, 1, principal="vera")
    first = judge(house, identity)
    monkeypatch.setattr(blind, "_run", lambda _: pytest.fail("it ran again"))
    assert judge(house, "another identity") == first
    assert house.judge_blind("may", "1", "x", principal="max", idempotency_key="k") == first
    submit(house, "two")
    with pytest.raises(PreconditionError, match="the blind set may is used up: it has judged 1 versions"):
        judge(house, identity, "2")
    assert house.list_blind_sets()[0]["left"] == 0


def test_the_maker_judges_nothing_of_their_own(house: Installation, sealed: tuple[Path, str]) -> None:
    path, identity = sealed
    submit(house, by="max")
    house.add_blind_set("may", "delay", path, principal="vera")
    with pytest.raises(PermissionDeniedError, match="max registered version 1 of delay and can't judge it"):
        judge(house, identity, who="max")
    house.add_blind_set("mine", "delay", path, principal="max")
    with pytest.raises(PermissionDeniedError, match="it needs a set of somebody else"):
        house.judge_blind("mine", "1", identity, principal="vera")
    assert judge(house, identity)["created_by"] == "vera"
    assert house.promote_version("delay", "1", "production", principal="max")["stage"] == "production"


@pytest.mark.parametrize("who", ["ada", "otto", "anna", "ben", "carl", "owner"])
def test_nobody_but_a_validator_adds_or_judges(
    house: Installation, sealed: tuple[Path, str], who: str
) -> None:
    path, identity = sealed
    submit(house)
    house.add_blind_set("may", "delay", path, principal="vera")
    before = house.audit.verify()
    with pytest.raises(PermissionDeniedError, match=f"{who} may not judge_blind: it needs model_validator"):
        judge(house, identity, who=who)
    with pytest.raises(PermissionDeniedError, match=f"{who} may not add_blind_set"):
        house.add_blind_set("june", "delay", path, principal=who)
    assert house.audit.verify() == before


def test_plain_rows_never_come_into_the_home(house: Installation, tmp_path: Path) -> None:
    submit(house)
    before = sorted(house.artifacts)
    rows().write_parquet(tmp_path / "plain.parquet")
    with pytest.raises(InvalidInputError, match=r"plain\.parquet is not sealed; first: tidegate blind seal"):
        house.add_blind_set("may", "delay", tmp_path / "plain.parquet", principal="vera")
    assert sorted(house.artifacts) == before
    with pytest.raises(InvalidInputError, match="is not sealed"):
        house.add_blind_set("may", "delay", before[0], principal="vera")
    with pytest.raises(NotFoundError):
        house.judge_blind("may", "1", "x", principal="vera")


def test_what_a_set_can_t_judge_is_kept_as_failed(house: Installation, sealed: tuple[Path, str]) -> None:
    path, identity = sealed
    submit(house, contract=contract(score={"output": "label", "column": 3}))
    house.add_blind_set("may", "delay", path, principal="vera")
    found = judge(house, identity)
    assert found["figures"] == {"failed": blind.FAILED}
    assert house.list_blind_sets()[0]["left"] == 19
    with pytest.raises(PreconditionError, match="on blind set may it failed"):
        house.promote_version("delay", "1", "production", principal="otto")


def test_a_closed_set_costs_nothing(house: Installation, sealed: tuple[Path, str]) -> None:
    path, identity = sealed
    submit(house)
    made = house.add_blind_set("may", "delay", path, principal="vera")
    with pytest.raises(InvalidInputError, match="an identity file has one line"):
        judge(house, "nonsense")
    with pytest.raises(InvalidInputError, match="does not open the blind set"):
        judge(house, identity[:-1] + ("Q" if identity[-1] != "Q" else "P"))
    file = house.artifacts.path(made["artifact"])
    file.chmod(0o600)
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"x")
    with pytest.raises(ArtifactCorruptError):
        judge(house, identity)
    assert house.list_blind_sets()[0]["left"] == 20


Figures = Callable[[str, float], None]


@pytest.fixture
def said(house: Installation, sealed: tuple[Path, str]) -> Figures:
    """Keeps a blind AUC of a version as if the worker had given it."""

    def keep(number: str, auc: float) -> None:
        names = [each["name"] for each in house.list_blind_sets()]
        if not names:
            house.add_blind_set("may", "delay", sealed[0], principal="vera")
        digest = house.get_version("delay", number)["digest"]
        house.registry.blind.keep("may", digest, {"auc": auc}, {}, principal="vera")

    return keep


def test_the_best_of_those_that_pass_goes_on(house: Installation, said: Figures) -> None:
    for name in ("one", "two", "three", "four", "five"):
        submit(house, name)
    for number, auc in (("1", 0.7), ("2", 0.72), ("3", 0.59), ("4", 0.72)):
        said(number, auc)
    found = house.rank_versions("delay", "production", principal="anna")
    assert found["best"] == "2"
    assert [each["version"] for each in found["ranking"]] == ["2", "4", "1"]
    assert found["says"] == (
        "version 2 goes on to production: blind.auc is 0.72, the same as version 4, 0.72; the older goes on"
    )
    others = {each["version"]: each["says"] for each in found["others"]}
    assert set(others) == {"3", "5"}
    assert "blind.auc is 0.59 on blind set may" in others["3"]
    assert "blind set may has not judged it; tidegate blind judge may delay 5" in others["5"]
    by_auc = house.rank_versions("delay", "production", "auc")
    assert [each["version"] for each in by_auc["ranking"]] == ["1", "2", "4"]
    nobody = house.rank_versions("delay", "uat")
    assert (nobody["best"], nobody["says"]) == (None, "no version of delay may go on to uat")
    assert {each["says"] for each in nobody["others"]} == {"no move leads from uat to uat"}
    with pytest.raises(InvalidInputError, match="no stage 'prod'"):
        house.rank_versions("delay", "prod")


def test_best_only_lets_no_other_pass(house: Installation, said: Figures, home: Path) -> None:
    for number, auc in (("1", 0.7), ("2", 0.72)):
        submit(house, number)
        said(number, auc)
    submit(house, "3")
    house.close()
    (home / "tidegate.toml").write_text(GATED + "best_only = true\n")
    with tidegate.open(home) as strict:
        with pytest.raises(PreconditionError) as refused:
            strict.promote_version("delay", "1", "production", principal="otto")
        assert str(refused.value) == (
            "version 1 of delay can't move to production (stages.best_only): version 2 passes as well and "
            "goes first (blind.auc is 0.72); see: tidegate version rank delay --to production --by blind.auc"
        )
        assert strict.promote_version("delay", "2", "production", principal="otto")["stage"] == "production"
        assert strict.promote_version("delay", "1", "production", principal="otto")["stage"] == "production"
        strict.promote_version("delay", "2", "uat", principal="otto")
    (home / "tidegate.toml").write_text(GATED + 'best_only = true\nbest_by = "blind.f1"\n')
    with (
        tidegate.open(home) as strict,
        pytest.raises(PreconditionError, match=r"it has no blind\.f1, by which the best goes on"),
    ):
        strict.promote_version("delay", "2", "production", principal="otto")
