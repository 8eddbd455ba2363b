"""Steering with a real server: a shadow is scored, climbs, and both versions are scored on every row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from tests.e2e.servers import Servers, rows

from tidegate import Client
from tidegate.monitoring import logs

START = datetime(2013, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY: dict[str, Any] = {
    "mode": "auto",
    "evidence": "paired",
    "pane_hours": 1,
    "maturity_hours": 0,
    "shadow_keys": 10,
    "n_min": 1,
    "cooldown": 0,
    "ladder": [5, 50, 99],
}


def test_a_challenger_is_a_shadow_and_then_both_are_scored_on_every_row(
    served_home: Path, serve: Servers, wait_until: Callable[..., None]
) -> None:
    serve(served_home)
    with Client(home=served_home) as client:
        client.set_traffic("flight", {"1": 1.0})
        client.set_policy("flight", POLICY)
        client.challenge("flight", "2", "a look")

        def hour(number: int) -> None:
            """Twenty keys of one row each, with labels; both versions' rows reach the log."""
            at = START + number * HOUR
            told = []
            for key in range(20):
                said = client.score("flight", rows(1, key), routing_key=f"N{number}-{key}", event_time=at)
                told.append({"prediction_id": said["prediction_id"], "label": key % 2})
            client.feedback(told, endpoint="flight")
            wait_until(lambda: scored(at).height == 40 and labelled() == 20 * (number + 1))

        def scored(at: datetime) -> pl.DataFrame:
            return logs.predictions(served_home, "flight", at, at + HOUR).collect()

        def labelled() -> int:
            return logs.labels(served_home, "flight").collect().height

        hour(0)
        made = client.steer("flight", (START + HOUR).isoformat())
        assert [each["rule"] for each in made["decisions"]] == ["step_up"]
        assert made["decisions"][0]["body"]["pairs"]["2"]["paired"]["keys"] == 20
        plan = client.get_traffic("flight")
        assert [(v["version"], v["weight"], v["mirror"]) for v in plan["variants"]] == [
            ("1", 0.95, True),
            ("2", 0.05, True),
        ]
        hour(1)
        both = scored(START + HOUR)
        assert (
            both.group_by("prediction_id").agg(pl.col("version").n_unique())["version"].to_list() == [2] * 20
        )
        assert set(both["role"]) == {"answer", "mirror"}
        made = client.steer("flight", (START + 2 * HOUR).isoformat())
        (decision,) = made["decisions"]
        assert decision["body"]["evidence"]["2"]["keys"] == 40
        assert sum(v["answered"] for v in decision["body"]["versions"].values()) == 20
        assert "version 1 95.00%, version 2 5.00%" in client.why("flight")["says"][0]
        back = client.undo_traffic("flight", "enough")
        assert [(v["version"], v["shadow"]) for v in back["variants"]] == [("1", False), ("2", True)]
        assert client.audit_verify()["ok"]
