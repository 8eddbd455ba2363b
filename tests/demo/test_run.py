"""The demo's way on a part of one month, through the real processes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from tidegate.demo import home
from tidegate.demo.run import run_demo
from tidegate.installation import open_home
from tidegate.store.server_file import read_server

DAYS = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "home"


@pytest.fixture(scope="module")
def result(root: Path) -> dict[str, Any]:
    with Path(os.devnull).open("w") as nowhere:
        return run_demo(root, months=1, days=DAYS, console=Console(file=nowhere))


def test_every_flight_was_scored_logged_and_labelled(result: dict[str, Any], root: Path) -> None:
    replay, log = result["replay"], result["log"]
    assert replay["rows"] == result["months"][0]["rows"] > 2000
    assert abs(replay["requests"]["gRPC"] - replay["requests"]["REST"]) <= 1
    assert log["accepted"] == log["logged"]
    assert log["dropped"] == result["check"]["gap"] == 0
    assert result["months"][0]["labelled"] == replay["labels"]


def test_the_counters_equal_the_log(result: dict[str, Any]) -> None:
    check = result["check"]
    assert check["rows"] == 2 * result["replay"]["rows"]
    assert check["features"] == 29 + 29 + 2
    assert check["rows_difference"] == check["cells_differing"] == 0
    assert check["ks_numerator_difference"] == 0
    assert check["ks_scipy_difference"] <= 1e-15
    assert check["psi_difference"] <= 1e-12


def test_the_traffic_was_divided_and_shadowed(result: dict[str, Any]) -> None:
    best, second = sorted(result["traffic"]["weights"], key=lambda v: -result["traffic"]["weights"][v])
    versions = result["months"][0]["versions"]
    assert versions[best]["share"] + versions[second]["share"] == pytest.approx(1.0)
    assert 0.5 < versions[best]["share"] < 0.9
    shadow = versions[result["traffic"]["shadow"]]
    assert shadow["shadow"]
    assert shadow["rows"] == result["replay"]["rows"]
    assert all(0.5 < one["auc"] < 1.0 for one in versions.values())


def test_the_models_are_the_originals(result: dict[str, Any]) -> None:
    assert [one["name"] for one in result["models"]] == [
        "linear",
        "forest",
        "boosted",
        "histogram-boosted",
        "weak",
    ]
    assert all(one["conversion_difference"] < 1e-5 for one in result["models"])
    weak = result["models"][-1]
    assert weak["auc"] == min(one["auc"] for one in result["models"])


def test_a_prediction_leads_back_to_its_data(result: dict[str, Any], root: Path) -> None:
    text = json.dumps(result["lineage"])
    assert result["data"]["datasets"][0]["digest"] in text
    with open_home(root) as installation:
        datasets = {one["name"]: one for one in installation.list_datasets()}
        assert datasets["flights-reference"]["digest"] == result["data"]["datasets"][0]["digest"]
        stored = pl.read_parquet(installation.artifacts.path(datasets["flights-reference"]["digest"]))
        assert stored.height == 50_009
        assert datasets["flights-reference"]["origin"]["features"][0]["kind"] == "column"
        assert installation.audit_verify()["ok"]


def test_it_leaves_a_report_and_no_process(result: dict[str, Any], root: Path) -> None:
    assert json.loads((root / "report.json").read_text()) == result
    assert "<svg" in (root / "report.html").read_text()
    assert home.is_made_by_demo(root)
    server = read_server(root)
    assert server is None or not server.control.alive()
