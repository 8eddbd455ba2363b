"""Whatever is done in whatever order, and whenever the process dies: production holds what has passed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.people import keys, submit, to_production

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
    st.tuples(st.just("retire_version"), st.sampled_from(["otto", "max", "vera"]), numbers, st.just("")),
    st.tuples(st.just("set_traffic"), st.sampled_from(["otto", "max"]), numbers, numbers),
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
@example(
    sequence=[
        *PASSED,
        ("set_traffic", "otto", "1", "1"),
        ("promote_version", "otto", "1", "archived"),
        ("retire_version", "otto", "1", ""),
    ]
)
@given(sequence=st.lists(steps, min_size=4, max_size=24))
def test_no_sequence_of_verbs_puts_an_unpassed_digest_into_production(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[tuple[str, str, str, str]]
) -> None:
    """Version 1 is good, 2 is weak, 3 is good and made by somebody who is also validator and operator.

    At no moment does the live plan have a version that has not passed, or one that is retired.
    """
    home = Path(tidegate.init(tmp_path_factory.mktemp("any") / "home")["home"])
    with tidegate.open(home) as house:
        keys(house)
        house.access.create_principal(
            "max", ["data_scientist", "model_validator", "operator"], principal="owner"
        )
        submit(house)
        submit(house, "two", metrics={"auc": 0.55})
        submit(house, "three", by="max")
        house.create_endpoint("flight", "delay", "1")
        approved: set[tuple[str, str]] = set()
        for step in sequence:
            try:
                take(house, *step)
            except TidegateError:
                continue
            finally:
                check_live(house)
            verb, who, number, _ = step
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


def take(house: Installation, verb: str, who: str, number: str, other: str) -> None:
    """One step; ``other`` is a stage, or a version that shadows."""
    if verb == "set_traffic":
        house.set_traffic("flight", {number: 1.0}, [other] if other != number else [], principal=who)
    else:
        getattr(house, verb)("delay", number, other, principal=who)


def check_live(house: Installation) -> None:
    """Who answers stands in production, who shadows in uat or production."""
    document = house.registry.deployments.document() or {"endpoints": []}
    for endpoint in document["endpoints"]:
        for variant in endpoint["variants"]:
            stage = house.get_version("delay", variant["version"])["stage"]
            assert stage in (("uat", "production") if variant["shadow"] else ("production",))


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


RETIRE = """
import os, signal, sys
import tidegate

house = tidegate.open(sys.argv[1])
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
action, step = sys.argv[2].split(": ")
publisher = type(house.publisher)
if action == "publish":
    publish = publisher.publish
    publisher.publish = lambda *given: (step == "after" and publish(*given), die())
elif action == "wait":
    house.serving = type("Scoring", (), {"publish": lambda *_: None, "until_gone": die})()
else:
    append = house.audit.append

    def appended(*given):
        if given[1] != action:
            return append(*given)
        if step == "before":
            die()
        append(*given)
        if step == "after":
            die()
        house.audit._failpoint = lambda place: die() if place == step else None

    house.audit.append = appended
house.retire_version("delay", "1", "drained", principal="otto")
"""


@pytest.mark.parametrize(
    ("step", "shadows", "stage"),
    [
        ("deploy: before", True, "production"),
        ("deploy: after", True, "production"),
        ("deploy: committed", False, "production"),
        ("publish: before", False, "production"),
        ("publish: after", False, "production"),
        ("wait: here", False, "production"),
        ("promote_version: before", False, "production"),
        ("promote_version: after", False, "production"),
        ("retire_version: before", False, "production"),
        ("retire_version: after", False, "production"),
        ("retire_version: committed", False, "archived"),
        ("retire_version: written", False, "archived"),
    ],
)
def test_a_killed_retirement_leaves_exactly_old_or_new_and_can_be_done_again(
    installation: Installation, home: Path, spawn: Callable[..., Any], step: str, shadows: bool, stage: str
) -> None:
    """Plan and stage are each old or new, and the stage is new only when the plan is."""
    keys(installation)
    submit(installation)
    submit(installation, "two")
    for number in ("1", "2"):
        to_production(installation, number)
    installation.create_endpoint("flight", "delay", "1")
    installation.set_traffic("flight", {"2": 1.0}, ["1"])
    installation.close()
    child = spawn(RETIRE, home, step)
    child.communicate(timeout=60)
    assert child.returncode == -9
    with tidegate.open(home) as opened:
        document = opened.registry.deployments.document()
        assert document is not None
        file = home / "deployments" / f"{document['generation']}.json"
        assert json.loads(file.read_bytes()) == document
        live = [variant["version"] for variant in document["endpoints"][0]["variants"]]
        assert (live, opened.get_version("delay", "1")["stage"]) == (["2", "1"] if shadows else ["2"], stage)
        told = [entry["action"] for entry in opened.audit.entries(limit=1000)]
        assert told.count("retire_version") == (stage == "archived")
        if stage != "archived":
            assert opened.retire_version("delay", "1", "drained", principal="otto")["stage"] == "archived"
        assert all(move["holds"] for move in opened.version_gates("delay", "1")["history"])
        assert opened.audit_verify()["ok"]
