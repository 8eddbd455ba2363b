"""The retraining job in its child process: 5,000 rows with nulls and categories, and a change in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.errors import PreconditionError
from tidegate.training.jobs import Limits, Progress, RetrainJob, TrainJob
from tidegate.training.launch import run_job
from tidegate.training.retrain import HELD_OUT, WEIGHT
from training.samples import flights, recipe, written

START = datetime(2013, 1, 1, tzinfo=UTC)
ROWS, CHANGED = 5000, 3800


def history(*, changed: bool, time: bool = True) -> pl.DataFrame:
    """A row every 20 minutes; from row 3,800 on, if so wanted, what used to be late is in time."""
    frame = flights(ROWS, seed=4).drop("held")
    moments = pl.Series("time", [START + timedelta(minutes=20 * row) for row in range(ROWS)])
    if not time:
        moments = moments.scatter(range(CHANGED), None)
    new = pl.int_range(pl.len()) >= CHANGED
    late = pl.when(new).then(1 - pl.col("late")).otherwise("late").alias("late")
    return frame.with_columns(moments, late if changed else pl.col("late"))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """What was trained before the change."""
    folder = tmp_path_factory.mktemp("parent")
    how = recipe("hist_gradient_boosting", split_column=None)
    dataset = written(folder, history(changed=False).head(3000))
    return folder / "job" / "model.onnx", run_job(TrainJob(dataset=dataset, recipe=how), folder / "job")


def job(tmp_path: Path, parent: tuple[Path, Any], frame: pl.DataFrame, **more: Any) -> RetrainJob:
    facts = {"change": START + timedelta(minutes=20 * CHANGED)} | more
    return RetrainJob(
        dataset=written(tmp_path, frame.sample(fraction=1, shuffle=True, seed=1)),
        recipe=parent[1].recipe,
        time_column="time",
        parent=parent[0],
        parent_contract=parent[1].contract,
        **facts,
    )


def test_after_a_change_the_new_rows_win(tmp_path: Path, parent: tuple[Path, Any]) -> None:
    seen: list[Progress] = []
    found = run_job(job(tmp_path, parent, history(changed=True)), tmp_path / "job", seen.append)
    assert found.rows == {"all": 5000, "since": 1200, "held_out": 240, "judged": 480}
    assert found.selection["chosen"] == "R5"
    assert [row["candidate"] for row in found.selection["table"]] == ["R1", "R2", "R3", "R4", "R5"]
    assert [row["rows"] for row in found.selection["table"]] == [4760, 4760, 2960, 1920, 960]
    assert all(len(row["losses"]) == 5 for row in found.selection["table"])
    assert found.comparison["better"]
    assert found.comparison["gain_low"] > 0.1
    assert found.trained is not None
    assert found.trained.rows == {"reference": 1200, "training": 960, "held_out": 240}
    assert found.trained.metrics["brier"] == pytest.approx(found.comparison["brier"], abs=1e-6)
    assert found.trained.metrics["parent_brier"] == found.comparison["parent_brier"]
    assert [step.fraction for step in seen] == sorted(step.fraction for step in seen)
    assert sum(step.stage == "selecting" for step in seen) == 26

    kept = pl.read_parquet(tmp_path / "job" / "dataset.parquet")
    assert kept["time"].is_sorted()
    assert kept.height == ROWS
    assert np.flatnonzero(kept[HELD_OUT].to_numpy()).tolist() == list(range(4760, 5000))
    assert np.flatnonzero(kept[WEIGHT].to_numpy()).tolist() == list(range(CHANGED, 4760))
    assert kept["distance"].null_count() == history(changed=True)["distance"].null_count()
    # The dataset and the recipe alone give the same model again.
    again = run_job(
        TrainJob(dataset=tmp_path / "job" / "dataset.parquet", recipe=found.trained.recipe),
        tmp_path / "again",
    )
    assert (tmp_path / "again" / "model.onnx").read_bytes() == (tmp_path / "job" / "model.onnx").read_bytes()
    assert again.rows == found.trained.rows


def test_without_a_change_nothing_is_gained(tmp_path: Path, parent: tuple[Path, Any]) -> None:
    found = run_job(job(tmp_path, parent, history(changed=False), change=None), tmp_path / "job")
    assert found.rows["since"] == 500
    assert found.change == START + timedelta(minutes=20 * 4500)
    assert found.selection["chosen"] in {"R1", "R2"}
    assert not found.comparison["better"]


def test_rows_without_a_time_come_first(tmp_path: Path, parent: tuple[Path, Any]) -> None:
    found = run_job(job(tmp_path, parent, history(changed=True, time=False)), tmp_path / "job")
    assert (found.selection["chosen"], found.rows["since"]) == ("R5", 1200)


def test_too_few_rows_since_the_change(tmp_path: Path, parent: tuple[Path, Any]) -> None:
    late = START + timedelta(minutes=20 * 4800)
    found = run_job(job(tmp_path, parent, history(changed=True), change=late), tmp_path / "job")
    assert (found.trained, found.selection, found.rows["since"]) == (None, {}, 200)


def test_the_worker_is_limited(tmp_path: Path, parent: tuple[Path, Any]) -> None:
    for limits, problem in (
        (Limits(wall_seconds=0.05), "the retrain job was ended while starting: it took more than 0.05 s"),
        (Limits(cpu_seconds=1), "used 1 s of processor time"),
    ):
        with pytest.raises(PreconditionError, match=problem):
            run_job(job(tmp_path, parent, history(changed=True), limits=limits), tmp_path / "job")
