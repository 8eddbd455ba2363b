"""Which models are trained, and which of them are put to work by what was measured."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.demo import data, models
from tidegate.demo.models import Trained
from tidegate.demo.recipes import recipes
from tidegate.errors import PreconditionError
from tidegate.training.jobs import Comparison, GoldenFigures, Progress, TrainJob, TrainResult
from tidegate.training.recipes import Recipe
from tidegate.types import Signature


def result(recipe: Recipe, auc: float | None) -> TrainResult:
    return TrainResult(
        recipe=recipe,
        signature=Signature(inputs=[], outputs=[]),
        contract=recipe.contract(),
        metrics={"auc": auc, "brier": 0.2, "accuracy": 0.8},
        conversion=Comparison(rows=10, max_difference=1e-7, labels_differing=0, ties=0),
        golden=GoldenFigures(rows=1, batch_difference=0.0, nonfinite=0),
        rows={"held_out": 10},
        code={},
        libraries={},
    )


def trained(aucs: list[float | None]) -> dict[str, Trained]:
    return {
        str(number): Trained(recipe, result(recipe, auc), Path(), 1.0, f"sha256:{number}")
        for number, (recipe, auc) in enumerate(zip(recipes(), aucs, strict=True), 1)
    }


def test_four_see_every_feature_and_one_is_weak_by_design() -> None:
    *full, weak = recipes()
    assert len(full) == 4
    assert all(sorted(one.columns) == sorted(data.features().names()) for one in full)
    assert weak.columns == ["dep_hour"]
    assert len({one.name for one in recipes()}) == 5
    assert {one.split_column for one in recipes()} == {data.HELD_OUT}
    types = data.features().datatypes()
    assert all(one.datatype(column) == types[column] for one in full for column in one.columns)


def test_the_two_best_share_the_traffic_and_the_last_shadows() -> None:
    choice = models.choose(trained([0.61, 0.72, 0.70, 0.68, None]))
    assert choice.weights == {"2": 0.7, "3": 0.3}
    assert choice.shadow == "5"
    assert "forest 0.720, boosted 0.700" in choice.reason


def test_the_plan_follows_the_measurement_not_the_name() -> None:
    choice = models.choose(trained([0.61, 0.52, 0.70, 0.68, 0.71]))
    assert choice.weights == {"5": 0.7, "3": 0.3}
    assert choice.shadow == "2"
    works = [
        one["work"] for one in models.describe(trained([0.61, 0.52, 0.70, 0.68, 0.71]), choice)["models"]
    ]
    assert works == ["", "shadow", "30%", "", "70%"]


def test_after_a_failure_no_other_training_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun: list[str] = []
    failed = threading.Event()

    def run_job(job: TrainJob, _folder: Path, on_progress: Callable[[Progress], None]) -> Any:
        begun.append(job.recipe.name)
        if job.recipe.name == "linear":
            failed.set()
            raise PreconditionError("no memory")
        failed.wait()
        while True:
            on_progress(Progress(stage="fitting", fraction=0.1))

    monkeypatch.setattr(models, "run_job", run_job)
    with pytest.raises(PreconditionError, match="no memory"):
        models.train(tmp_path / "x.parquet", tmp_path, lambda _name, _step: None)
    assert len(begun) <= 3
