"""The reference that drift is judged by: of a dataset with weights, the rows that the profile was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tidegate.installation.verdicts import learnt_from
from tidegate.monitoring.baseline import replay
from tidegate.training.jobs import TrainJob
from tidegate.training.recipes import Recipe
from tidegate.training.train import train

ROWS = 60_000


def table() -> pl.DataFrame:
    """The newest fifth is held out; of the rest the older half has no weight, and other values."""
    rng = np.random.default_rng(1)
    at = np.arange(ROWS)
    x = rng.normal(size=ROWS) + np.where(at < ROWS * 0.4, 3.0, 0.0)
    return pl.DataFrame(
        {
            "x": x.astype(np.float32),
            "y": (rng.random(ROWS) < 0.3).astype(np.int64),
            "held": at >= ROWS * 0.8,
            "weight": np.where((at < ROWS * 0.4) | (at >= ROWS * 0.8), 0.0, 1.0),
        }
    )


def test_the_replay_finds_the_rows_of_a_profile_with_weights(tmp_path: Path) -> None:
    rows = table()
    rows.write_parquet(tmp_path / "rows.parquet")
    recipe = Recipe(
        name="again",
        estimator="logistic_regression",
        numeric=["x"],
        target="y",
        split_column="held",
        weight_column="weight",
    )
    trained = train(TrainJob(dataset=tmp_path / "rows.parquet", recipe=recipe), tmp_path, lambda *_: None)
    profile = (tmp_path / "profile.arrow").read_bytes()
    used = learnt_from(rows.lazy(), recipe.to_json()).collect()
    assert used.height == ROWS * 0.6
    found = replay(profile, used, trained.contract.inputs, 1000)["input", "x", "values"]
    assert (found.note, found.design_effect) == (None, 1.0)
    whole = replay(profile, rows, trained.contract.inputs, 1000)["input", "x", "values"]
    assert whole.design_effect is None
    assert "is not what the profile was made of" in str(whole.note)


def test_a_dataset_without_weights_is_taken_whole() -> None:
    rows = table()
    assert learnt_from(rows.lazy(), {}).collect().height == ROWS
    assert learnt_from(rows.lazy(), {"weight_column": "gone"}).collect().height == ROWS
    assert learnt_from(rows.lazy(), {"weight_column": "weight"}).collect().height == ROWS * 0.4
