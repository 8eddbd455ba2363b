from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.delay import CONTRACT, SIGNATURE

from tidegate import rollout
from tidegate.errors import InvalidInputError
from tidegate.registry.deployments import checksum
from tidegate.types import Contract, EndpointInfo, PlanDraft, VersionInfo

NOW = datetime(2013, 3, 1, tzinfo=UTC)
ENDPOINT = EndpointInfo(
    id="ep_1",
    name="flight",
    model="delay",
    salt="ep_1",
    contract=Contract.model_validate(CONTRACT),
    created_at=NOW,
    created_by="owner",
)


def version(number: str, **changes: Any) -> VersionInfo:
    manifest = {"signature": SIGNATURE, "contract": CONTRACT, "onnx": f"sha256:{number}", "profile": None}
    return VersionInfo(
        model="delay",
        version=number,
        digest=f"sha256:d{number}",
        manifest=manifest | changes,
        created_at=NOW,
        created_by="owner",
    )


VERSIONS = {number: version(number) for number in "1234"}


def owners(document: dict[str, Any]) -> list[str]:
    """The version that owns each slot; fails when a slot has none or two."""
    table: list[str | None] = [None] * rollout.SLOTS
    for variant in document["endpoints"][0]["variants"]:
        for first, last in variant["slots"]:
            for slot in range(first, last + 1):
                assert table[slot] is None
                table[slot] = variant["version"]
    assert None not in table
    return [owner for owner in table if owner is not None]


def deploy(plan: PlanDraft, before: dict[str, Any] | None = None) -> dict[str, Any]:
    return rollout.deployment(before, ENDPOINT, plan, VERSIONS, created_at="2013-03-01T00:00:00.000000Z")


shares = st.dictionaries(st.sampled_from("1234"), st.integers(0, 100), min_size=1).filter(
    lambda parts: sum(parts.values()) > 0
)


@settings(max_examples=60, deadline=None)
@given(st.lists(shares, min_size=1, max_size=5))
def test_every_slot_has_one_owner_and_no_more_move_than_must(history: list[dict[str, int]]) -> None:
    plan, document, before = None, None, None
    for parts in history:
        total = sum(parts.values())
        weights = {number: part / total for number, part in parts.items()}
        plan = rollout.draft(ENDPOINT, VERSIONS, weights, [], before=plan)
        document = deploy(plan, document)
        assert document["sha256"] == checksum(document)
        now = owners(document)
        for number in "1234":
            assert abs(now.count(number) / rollout.SLOTS - weights.get(number, 0)) <= 4 / rollout.SLOTS
        if before is not None:
            moved = sum(a != b for a, b in zip(before, now, strict=True))
            least = sum(max(0, before.count(number) - now.count(number)) for number in "1234")
            assert moved == least
        before = now


def test_other_endpoints_stay_as_they_are() -> None:
    first = deploy(rollout.draft(ENDPOINT, VERSIONS, {"1": 1.0}, [], before=None))
    other = ENDPOINT.model_copy(update={"id": "ep_2", "name": "arrival"})
    plan = rollout.draft(other, VERSIONS, {"2": 1.0}, ["3"], before=None)
    both = rollout.deployment(first, other, plan, VERSIONS, created_at="now", default_endpoint="arrival")
    assert [entry["name"] for entry in both["endpoints"]] == ["arrival", "flight"]
    assert both["endpoints"][1] == first["endpoints"][0]
    assert (both["generation"], both["default_endpoint"]) == (2, "arrival")
    assert both["endpoints"][0]["variants"][1] == {
        "model": "delay",
        "version": "3",
        "digest": "sha256:d3",
        "onnx": "sha256:3",
        "profile": None,
        "weight": 0.0,
        "shadow": True,
        "mirror": False,
        "slots": [],
    }


def test_with_mirror_every_version_that_answers_is_scored_on_the_rest_too() -> None:
    plan = rollout.draft(ENDPOINT, VERSIONS, {"1": 0.9, "2": 0.1}, ["3"], before=None, mirror=True)
    variants = {variant["version"]: variant for variant in deploy(plan)["endpoints"][0]["variants"]}
    assert {number: variant["mirror"] for number, variant in variants.items()} == {
        "1": True,
        "2": True,
        "3": False,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datatype": "FP64"}, "takes input 'distance' as FP64 of 1 columns"),
        ({"columns": ["miles"]}, r"\(miles\); the endpoint's contract has FP32 of 1 columns \(distance\)"),
        ({"name": "length"}, "takes input 'length', which the endpoint's contract lacks"),
    ],
)
def test_an_input_that_differs_is_named(changes: dict[str, Any], message: str) -> None:
    inputs = [CONTRACT["inputs"][0] | changes, CONTRACT["inputs"][1]]
    other = version("1", contract=CONTRACT | {"inputs": inputs})
    with pytest.raises(InvalidInputError, match=message):
        rollout.draft(ENDPOINT, {"1": other}, {"1": 1.0}, [], before=None)


@pytest.mark.parametrize(
    "output",
    [
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1]},
        {"name": "scores", "datatype": "FP32", "shape": [-1, 2]},
    ],
)
def test_an_output_that_differs_is_named(output: dict[str, Any]) -> None:
    contract = {name: value for name, value in CONTRACT.items() if name != "score"}
    other = version("1", contract=contract | {"outputs": [output]})
    with pytest.raises(InvalidInputError, match="does not give output 'probabilities' as FP32"):
        rollout.draft(ENDPOINT, {"1": other}, {"1": 1.0}, [], before=None)
