"""What ``kill -9`` of the scoring process costs: at most the batch of the log that was not written yet."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.servers import Servers, rows

from tidegate import Client
from tidegate.monitoring import logs

Wait = Callable[..., None]


@pytest.mark.parametrize("after", [0, 7, 40])
def test_the_log_is_a_prefix_of_what_was_answered(
    after: int, served_home: Path, serve: Servers, wait_until: Wait
) -> None:
    crash(after, served_home, serve, wait_until)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_it_is_one_however_often_it_happens(
    seed: int, served_home: Path, serve: Servers, wait_until: Wait
) -> None:
    crash(random.Random(seed).randrange(200), served_home, serve, wait_until)


def crash(after: int, served_home: Path, serve: Servers, wait_until: Wait) -> None:
    """Kills scoring when ``after`` requests were answered since the log was last complete."""
    server = serve(served_home)
    with Client(home=served_home) as client:

        def written() -> bool:
            predictions = client.status()["scoring"]["predictions"]
            return bool(predictions["accepted"] == predictions["logged"])

        before = [client.score("flight", rows(3))["prediction_id"] for _ in range(25)]
        wait_until(written)
        labels = [{"prediction_id": before[0], "row": 0, "label": 1}]
        client.feedback(labels, endpoint="flight")
        unwritten = [client.score("flight", rows(3))["prediction_id"] for _ in range(after)]
        os.kill(server.ready.scoring_pid, signal.SIGKILL)
        wait_until(lambda: client.status()["server"]["pid"] != server.ready.scoring_pid)
        wait_until(lambda: (client.status()["scoring"] or {}).get("ready"))
        again = client.score("flight", rows(3))["prediction_id"]
        wait_until(written)

    found = logs.predictions(served_home, "flight").select("prediction_id", "row").collect()
    survived = found["prediction_id"].unique(maintain_order=True).to_list()
    answered = [*before, *unwritten]
    kept = survived[:-1]
    assert survived[-1] == again
    assert kept == answered[: len(kept)]
    assert len(kept) >= len(before)
    assert found.height == 3 * len(survived)
    assert logs.labels(served_home, "flight").collect()["prediction_id"].to_list() == [before[0]]
