"""Canonical JSON: one form whatever the order, and a refusal of what JSON can't carry."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import InvalidInputError
from tidegate.store.canonical import canonical, check_digest, digest_of, parse, sha256, timestamp

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


def reversed_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reversed_order(value[name]) for name in reversed(list(value))}
    return [reversed_order(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_the_order_of_keys_does_not_matter_and_nothing_is_lost(value: Any) -> None:
    data = canonical(value)
    assert canonical(reversed_order(value)) == data
    assert json.loads(data, parse_int=float) == json.loads(json.dumps(value), parse_int=float)
    assert parse(data) == value
    assert canonical(parse(data)) == data


def test_the_example_of_rfc_8785() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert canonical(value) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60, {1: 2}, {"a": object()}, "\ud800"])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="canonical"):
        canonical(value)


def test_a_digest_names_its_algorithm() -> None:
    assert sha256(b"x") == "sha256:" + hashlib.sha256(b"x").hexdigest()
    assert digest_of({"b": 1, "a": 2}) == sha256(b'{"a":2,"b":1}')
    assert check_digest(sha256(b"x")) == sha256(b"x")


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", "sha256:" + "A" * 64, "sha256:../" + "a" * 61, "a" * 64, "sha256:" + "a" * 64 + "\n"],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="not a digest"):
        check_digest(text)


@given(st.integers(-60_000_000_000, 250_000_000_000), st.integers(0, 999_999), st.integers(-12, 12))
def test_timestamps_sort_as_time_does(second: int, microsecond: int, hours: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second, microseconds=microsecond)
    aware = moment.astimezone(timezone(timedelta(hours=hours)))
    later = aware + timedelta(microseconds=1)
    assert timestamp(aware) < timestamp(later)
    assert datetime.fromisoformat(timestamp(aware)) == moment
