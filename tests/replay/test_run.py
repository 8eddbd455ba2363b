"""A recording of 5,000 rows without times, with categories and nulls, through the real processes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.replay.recordings import recording, timed

from tidegate.errors import PreconditionError
from tidegate.installation import open_home
from tidegate.replay import home
from tidegate.replay.files import Reading, read
from tidegate.replay.rules import Rules, pace
from tidegate.replay.run import Replay
from tidegate.store.server_file import read_server


def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay") / "home"


@pytest.fixture(scope="module")
def result(root: Path) -> dict[str, Any]:
    recording().write_parquet(root.parent / "shop.parquet")
    source = read(root.parent / "shop.parquet", Reading(target="left"))
    return Replay(source, Rules(pace=pace(source)), root, quiet()).run()


def test_every_row_was_scored_logged_and_labelled(result: dict[str, Any]) -> None:
    assert result["replay"]["rows"] == result["replay"]["labels"] + result["panel"] == 4000
    assert result["panel"] > 500
    assert sum(row["rows"] for row in result["periods"]) == 4000
    assert [row["period"] for row in result["periods"]] == [
        "2000-01-01",
        "2000-01-02",
        "2000-01-03",
        "2000-01-04",
    ]
    assert result["log"]["accepted"] == result["log"]["logged"]
    assert result["log"]["dropped"] == result["check"]["gap"] == 0


def test_the_counters_equal_the_log(result: dict[str, Any]) -> None:
    check = result["check"]
    assert check["rows_difference"] == check["cells_differing"] == check["ks_numerator_difference"] == 0
    assert check["psi_difference"] <= 1e-12


def test_it_leaves_a_report_and_no_process(result: dict[str, Any], root: Path) -> None:
    assert json.loads((root / "report.json").read_text()) == result
    assert "<svg" in (root / "report.html").read_text()
    assert home.is_made_by_replay(root)
    server = read_server(root)
    assert server is None or not server.control.alive()


def test_who_made_what_and_who_let_it_answer(result: dict[str, Any], root: Path) -> None:
    champion = next(one for one in result["candidates"] if one["work"] == "champion")
    with open_home(root) as installation:
        version = installation.get_version("shop", champion["version"])
        gates = installation.version_gates("shop", champion["version"])
        assert installation.audit_verify()["ok"]
    assert version["created_by"] == "scientist"
    assert [one["created_by"] for one in gates["approvals"]] == ["validator"]
    assert [(made["to_stage"], made["created_by"]) for made in gates["history"]] == [
        ("uat", "operator"),
        ("production", "operator"),
    ]
    assert all(made["holds"] for made in gates["history"])


def test_nothing_is_served_when_no_candidate_passes(tmp_path: Path) -> None:
    recording().write_parquet(tmp_path / "shop.parquet")
    source = read(tmp_path / "shop.parquet", Reading(target="left"))
    rules = Rules(least=0.99, pace=pace(source))
    with pytest.raises(
        PreconditionError, match=r"no candidate passes its gates: .* gate auc >= 0.99 has not passed"
    ):
        Replay(source, rules, tmp_path / "home", quiet()).run()
    server = read_server(tmp_path / "home")
    assert server is None or not server.control.alive()


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A recording with times and a key in which the meaning of a column turns round."""
    place = tmp_path_factory.mktemp("turned")
    timed(turn=0.35).write_csv(place / "shop.csv")
    how = Reading(target="left", time="asked_at", key="shop", label_time="known_at")
    source = read(place / "shop.csv", how)
    return Replay(source, Rules(pace=pace(source)), place / "home", quiet()).run(), place / "home"


def test_what_the_drift_points_to_is_learnt_judged_and_answers(
    turned: tuple[dict[str, Any], Path],
) -> None:
    result, root = turned
    first = {one["version"] for one in result["candidates"]}
    answered = {one["version"] for one in result["traffic"] if one["share"] > 0}
    assert answered - first, "no retrained version came to answer"
    better = {one["version"] for one in result["retrainings"] if one["outcome"] == "better"}
    with open_home(root) as installation:
        for number in answered - first:
            version = installation.get_version("shop", number)
            gates = installation.version_gates("shop", number)
            assert version["created_by"] == "retrainer"
            assert version["digest"] in better
            assert [one["created_by"] for one in gates["approvals"]] == ["validator"]
            assert [one["to_stage"] for one in gates["history"]][:2] == ["uat", "production"]
    assert len(result["blind_sets"]) >= 2


def test_the_loop_was_worth_something_where_the_world_turned_round(
    turned: tuple[dict[str, Any], Path],
) -> None:
    worth = turned[0]["worth"]
    before, last = worth["periods"][0], worth["periods"][-1]
    assert before["auc"]["gain"] == before["brier"]["gain"] == 0
    assert last["brier"]["gain"] < -2 * last["brier"]["error"]
    assert worth["all"]["auc"]["better"]
    assert worth["all"]["brier"]["better"]


def test_counters_cover_what_a_version_answered_and_shadowed(turned: tuple[dict[str, Any], Path]) -> None:
    check = turned[0]["check"]
    assert check["rows_difference"] == check["cells_differing"] == check["ks_numerator_difference"] == 0
    assert check["rows"] <= turned[0]["log"]["logged"]


def test_with_the_loop_off_it_only_serves(tmp_path: Path) -> None:
    recording().write_parquet(tmp_path / "shop.parquet")
    source = read(tmp_path / "shop.parquet", Reading(target="left"))
    result = Replay(source, Rules(loop=False, pace=pace(source)), tmp_path / "home", quiet()).run()
    assert "worth" not in result
    assert result["policy"]["mode"] == "off"
    assert result["acts"] == result["retrainings"] == []
    assert result["replay"]["labels"] == 4000
    assert not (tmp_path / "home" / "without-loop").exists()
