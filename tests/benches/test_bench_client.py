"""What the load client is told and what is made of its answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benches.client import Plan, Run, written

PRINTED = {
    "requests": 10,
    "good": 9,
    "late": 1,
    "codes": {"200": 9, "429": 1},
    "seconds": 2.0,
    "per_second": 4.5,
    "p50_us": 1.0,
    "p90_us": 2.0,
    "p99_us": 3.0,
    "p999_us": 4.0,
    "max_us": 5.0,
    "refusal_p50_us": 1.0,
    "refusal_p99_us": 1.0,
}


def test_a_plan_is_told_by_the_names_of_the_client_and_without_what_is_not_set() -> None:
    plan = Plan("grpc", "/p", Path("/m"), connections=4, headers=(("a", "b"),)).lasting(0.5)
    assert json.loads(plan.to_json("h:1")) == {
        "address": "h:1",
        "protocol": "grpc",
        "path": "/p",
        "messages": "/m",
        "connections": 4,
        "streams": 1,
        "seconds": 0.5,
        "headers": [["a", "b"]],
        "threads": 2,
        "arrivals": "poisson",
    }


def test_a_run_with_a_refusal_is_no_flawless_one() -> None:
    run = Run.parse(json.dumps(PRINTED))
    assert run.more["p999_us"] == 4.0
    with pytest.raises(RuntimeError, match="'429': 1"):
        run.flawless()
    good = Run.parse(json.dumps(PRINTED | {"good": 10}))
    assert good.flawless() is good


def test_a_run_that_answered_nothing_is_no_flawless_one() -> None:
    with pytest.raises(RuntimeError, match="not every answer"):
        Run.parse(json.dumps(PRINTED | {"good": 0, "requests": 0})).flawless()


def test_messages_have_their_length_before_them(tmp_path: Path) -> None:
    assert written(tmp_path / "m", [b"ab", b""]).read_bytes() == b"\2\0\0\0ab\0\0\0\0"
