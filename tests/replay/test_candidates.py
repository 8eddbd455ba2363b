"""Training of the first candidates: one failure ends the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.errors import PreconditionError
from tidegate.replay import candidates
from tidegate.training.jobs import Progress, TrainJob
from tidegate.training.recipes import Recipe


def test_after_a_failure_no_other_training_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun: list[str] = []
    failed = threading.Event()
    recipes = [
        Recipe(name=name, estimator="logistic_regression", numeric=["x"], target="y")
        for name in ("first", "second", "third", "fourth", "fifth")
    ]

    def run_job(job: TrainJob, _folder: Path, on_progress: Callable[[Progress], None]) -> Any:
        begun.append(job.recipe.name)
        if job.recipe.name == "first":
            failed.set()
            raise PreconditionError("no memory")
        failed.wait()
        while True:
            on_progress(Progress(stage="fitting", fraction=0.1))

    monkeypatch.setattr(candidates, "run_job", run_job)
    with pytest.raises(PreconditionError, match="no memory"):
        candidates.train(recipes, tmp_path / "x.parquet", tmp_path, lambda _name, _step: None)
    assert len(begun) <= 3
