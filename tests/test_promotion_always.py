"""Whatever is done in whatever order, and whenever the process dies: production holds what has passed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.people import keys, submit

import tidegate
from tidegate import Installation
from tidegate.errors import TidegateError

numbers = st.sampled_from(["1", "1", "2", "3"])
steps = st.one_of(
    st.tuples(
        st.just("promote_version"),
        st.sampled_from(["otto", "otto", "max", "ada"]),
        numbers,
        st.sampled_from(["uat", "production", "production", "development", "archived"]),
    ),
    st.tuples(
        st.just("approve_version"), st.sampled_from(["vera", "max", "ada"]), numbers, st.just("production")
    ),
)


PASSED = [
    ("promote_version", "otto", "1", "uat"),
    ("approve_version", "vera", "1", "production"),
    ("promote_version", "otto", "1", "production"),
]
SELF_MADE = [(verb, "max", "3", stage) for verb, _, _, stage in PASSED]


@settings(max_examples=60, deadline=None)
@example(sequence=PASSED)
@example(sequence=SELF_MADE)
@example(sequence=[(verb, who, "2", stage) for verb, who, _, stage in PASSED])
@given(sequence=st.lists(steps, min_size=4, max_size=24))
def test_no_sequence_of_verbs_puts_an_unpassed_digest_into_production(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[tuple[str, str, str, str]]
) -> None:
    """Version 1 is good, 2 is weak, 3 is good and made by somebody who is also validator and operator."""
    home = Path(tidegate.init(tmp_path_factory.mktemp("any") / "home")["home"])
    with tidegate.open(home) as house:
        keys(house)
        house.access.create_principal(
            "max", ["data_scientist", "model_validator", "operator"], principal="owner"
        )
        submit(house)
        submit(house, "two", metrics={"auc": 0.55})
        submit(house, "three", by="max")
        approved: set[tuple[str, str]] = set()
        for verb, who, number, stage in sequence:
            try:
                getattr(house, verb)("delay", number, stage, principal=who)
            except TidegateError:
                continue
            if verb == "approve_version":
                approved.add((number, who))
        for found in house.list_versions("delay"):
            number = found["version"]
            if found["stage"] == "production":
                assert number != "2"
                maker = found["created_by"]
                assert any(mine == number and who != maker for mine, who in approved)
            if sequence == PASSED:
                assert (found["stage"] == "production") == (number == "1")
            assert all(move["holds"] for move in house.version_gates("delay", number)["history"])
        assert house.audit_verify()["ok"]


PROMOTE = """
import os, signal, sys
import tidegate

house = tidegate.open(sys.argv[1])
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
step = sys.argv[2]
if step == "before the audit entry":
    house.audit.append = die
elif step == "after the audit entry":
    append = house.audit.append
    house.audit.append = lambda *given: (append(*given), die())
else:
    house.audit._failpoint = lambda place: die() if place == step else None
house.promote_version("delay", "1", "uat", principal="otto")
"""


@pytest.mark.parametrize(
    ("step", "stage"),
    [
        ("before the audit entry", "development"),
        ("after the audit entry", "development"),
        ("committed", "uat"),
        ("written", "uat"),
    ],
)
def test_a_killed_promotion_leaves_exactly_old_or_new(
    installation: Installation, home: Path, spawn: Callable[..., Any], step: str, stage: str
) -> None:
    keys(installation)
    submit(installation)
    installation.close()
    child = spawn(PROMOTE, home, step)
    child.communicate(timeout=60)
    assert child.returncode == -9
    with tidegate.open(home) as opened:
        found = opened.version_gates("delay", "1")
        assert found["stage"] == opened.get_version("delay", "1")["stage"] == stage
        assert len(found["history"]) == (0 if stage == "development" else 1)
        told = [entry["action"] for entry in opened.audit.entries(limit=1000)]
        assert told.count("promote_version") == len(found["history"])
        assert opened.audit_verify()["ok"]
