"""The engine in this process: routed, counted and logged like a server's."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.e2e.servers import DATA, rows

import tidegate
from tidegate._native import Scorer
from tidegate.errors import (
    HomeLockedError,
    HomeMissingError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from tidegate.monitoring import logs
from tidegate.serving import library

ROWS = rows(20)
TENSORS = {
    "carrier": np.array([[row["carrier"]] for row in ROWS], dtype=object),
    "distance": np.array([[row["distance"]] for row in ROWS], dtype=np.float32),
    "hour": np.array([[row["hour"]] for row in ROWS], dtype=np.int64),
}


def test_an_answer_is_the_models_own_and_is_logged_and_counted(home: Path) -> None:
    own = Scorer((DATA / "mixed.onnx").read_bytes(), library()).score(TENSORS)
    with tidegate.LocalEngine(home) as engine:
        found = engine.score("flight", TENSORS, routing_key="N1", event_time=7, id="mine")
        again = engine.score("flight", TENSORS, routing_key="N1")
        assert found.version == again.version
        assert (found.route, found.sticky, found.model) == ("weight", True, "delay")
        assert set(found.outputs) == set(own)
        for name, values in own.items():
            np.testing.assert_array_equal(found[name], values)
        engine.flush()
        log = logs.predictions(home, "flight").filter(prediction_id=found.prediction_id).collect()
        assert (log.height, set(log["key"]), set(log["client_id"])) == (20, {"N1"}, {"mine"})
        np.testing.assert_array_equal(log["score"].to_numpy(), found.score)
        counted = pl.read_ipc_stream(io.BytesIO(engine.counts("flight")))
        assert set(counted["version"]) == {"1", "2"}
        status = json.loads(engine.status())
        assert sum(variant["rows"] for variant in status["endpoints"][0]["variants"]) == 40
    assert logs.predictions(home, "flight").select(pl.len()).collect().item() == 40


def test_columns_are_cast_as_a_server_casts_them(home: Path) -> None:
    with tidegate.LocalEngine(home) as engine:
        tensors = engine.score("flight", TENSORS, version="1")
        named = {name: [row[name] for row in ROWS] for name in TENSORS}
        by_name = engine.score_columns("flight", named, version="1")
        np.testing.assert_array_equal(tensors.score, by_name.score)
        assert by_name.route == "pin"
        with pytest.raises(InvalidInputError, match="column 'hour' is missing"):
            engine.score_columns("flight", {name: named[name] for name in ("carrier", "distance")})
        with pytest.raises(InvalidInputError, match="column 'speed' is unknown"):
            engine.score_columns("flight", {**named, "speed": [1.0] * 20})


def test_what_does_not_fit_is_refused_by_name(home: Path) -> None:
    with tidegate.LocalEngine(home) as engine:
        with pytest.raises(InvalidInputError, match="'distance' must be FP32, got FP64"):
            engine.score("flight", TENSORS | {"distance": TENSORS["distance"].astype(np.float64)})
        with pytest.raises(InvalidInputError, match="unknown input 'speed'"):
            engine.score("flight", TENSORS | {"speed": TENSORS["distance"]})
        with pytest.raises(NotFoundError, match="unknown endpoint 'flights'; there are: flight"):
            engine.score("flights", TENSORS)
        with pytest.raises(NotFoundError, match="version '9' is not in the plan"):
            engine.score("flight", TENSORS, version="9")
        with pytest.raises(InvalidInputError, match="no output 'p'"):
            engine.score("flight", TENSORS)["p"]


def test_a_home_has_one_engine_and_a_closed_one_says_so(home: Path, tmp_path: Path) -> None:
    engine = tidegate.LocalEngine(home)
    with pytest.raises(HomeLockedError, match="held by process"):
        tidegate.LocalEngine(home)
    assert engine.close()
    assert engine.close()
    with pytest.raises(UnavailableError, match="shut down"):
        engine.score("flight", TENSORS)
    with tidegate.LocalEngine(home) as second:
        assert second.score("flight", TENSORS).generation == 1
    with pytest.raises(HomeMissingError):
        tidegate.LocalEngine(tmp_path / "nowhere")


def test_threads_share_an_engine_and_each_gets_its_rows(home: Path) -> None:
    wrong: list[int] = []
    with tidegate.LocalEngine(home, threads=2) as engine:
        expected = {n: engine.score("flight", one(n), version="1").score for n in range(20)}

        def work(first: int) -> None:
            for turn in range(200):
                number = (first + turn) % 20
                answer = engine.score("flight", one(number), version="1")
                if not np.array_equal(answer.score, expected[number]):
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        engine.flush()
    assert not wrong
    logged = logs.predictions(home, "flight").select(pl.len(), pl.col("gap").sum()).collect().row(0)
    assert sum(logged) == 820


def one(number: int) -> dict[str, np.ndarray]:
    return {name: values[number : number + 1] for name, values in TENSORS.items()}
