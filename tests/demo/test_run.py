"""The demo's way on a part of one month, through the real processes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from tidegate.demo.run import run_demo
from tidegate.errors import InvalidInputError
from tidegate.installation import open_home

DAYS = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "home"


@pytest.fixture(scope="module")
def result(root: Path) -> dict[str, Any]:
    return run_demo(root, months=1, days=DAYS, console=Console(file=io.StringIO()))


def test_every_flight_was_scored_logged_and_labelled(result: dict[str, Any]) -> None:
    replay, log = result["replay"], result["log"]
    assert replay["rows"] == sum(row["rows"] for row in result["periods"]) > 2000
    assert [row["period"] for row in result["periods"]] == ["2013-03-01", "2013-03-02", "2013-03-03"]
    assert abs(replay["requests"]["gRPC"] - replay["requests"]["REST"]) <= 1
    assert log["accepted"] == log["logged"]
    assert log["dropped"] == result["check"]["gap"] == 0
    assert sum(row["labelled"] for row in result["periods"]) == replay["labels"]


def test_the_counters_equal_the_log(result: dict[str, Any]) -> None:
    check = result["check"]
    assert check["rows"] == 2 * result["replay"]["rows"]
    assert check["features"] == 29 + 29
    assert check["rows_difference"] == check["cells_differing"] == 0
    assert check["ks_numerator_difference"] == 0
    assert check["ks_scipy_difference"] <= 1e-15
    assert check["psi_difference"] <= 1e-12


def test_the_best_answers_and_the_second_shadows(result: dict[str, Any]) -> None:
    work = {one["work"]: one["version"] for one in result["candidates"] if one["work"]}
    ranked = sorted(
        (one for one in result["candidates"] if one["blind"]), key=lambda one: -one["blind"]["auc"]
    )
    assert [one["version"] for one in ranked[:2]] == [work["champion"], work["shadow"]]
    for row in result["periods"]:
        assert row["versions"][work["champion"]]["share"] == 1.0
        assert row["versions"][work["shadow"]]["rows"] == row["rows"]
        assert row["versions"][work["shadow"]]["answered"] == 0


def test_the_weak_one_is_refused_by_a_gate_and_the_refusal_says_which(result: dict[str, Any]) -> None:
    names = ["linear", "forest", "boosted", "histogram-boosted", "weak"]
    assert [one["name"] for one in result["candidates"]] == names
    assert all(one["conversion_difference"] < 1e-5 for one in result["candidates"])
    refused = {one["name"]: one["refused"] for one in result["candidates"] if one["refused"]}
    assert list(refused) == ["weak"]
    assert "gate auc >= 0.64 has not passed" in refused["weak"]


def test_the_same_flights_are_answered_once_more_without_the_loop(result: dict[str, Any]) -> None:
    worth = result["worth"]
    assert [row["period"] for row in worth["periods"]] == [row["period"] for row in result["periods"]]
    assert worth["all"]["rows"] == result["replay"]["labels"] + result["panel"]
    # Nothing moved within three days, so the same version gave the same scores.
    assert worth["all"]["auc"]["gain"] == worth["all"]["brier"]["gain"] == 0
    assert worth["all"]["auc"]["current"] > 0.5


def test_the_shuffled_control_is_silent(result: dict[str, Any]) -> None:
    assert result["control"]["streams"] >= 50
    assert result["control"]["alarms"] == 0


def test_a_prediction_leads_back_to_its_data(result: dict[str, Any], root: Path) -> None:
    text = json.dumps(result["lineage"])
    assert result["data"]["datasets"][0]["digest"] in text
    with open_home(root) as installation:
        datasets = {one["name"]: one for one in installation.list_datasets()}
        made = datasets["flight-delay-reference"]
        assert made["digest"] == result["data"]["datasets"][0]["digest"]
        assert pl.read_parquet(installation.artifacts.path(made["digest"])).height == 42_508
        assert made["origin"]["features"][0]["kind"] == "column"


def test_a_part_of_the_year_that_has_no_flights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="months must be 1 to 10; it is 11"):
        run_demo(tmp_path / "home", 11)
    with pytest.raises(InvalidInputError, match="days must be at least 1; it is 0"):
        run_demo(tmp_path / "home", days=0)
