"""Small tables and recipes that the training tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate.training.recipes import Recipe

PARAMS: dict[str, dict[str, Any]] = {
    "logistic_regression": {},
    "random_forest": {"n_estimators": 12, "max_depth": 6},
    "gradient_boosting": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 12},
}


def flights(rows: int = 900, seed: int = 0) -> pl.DataFrame:
    """Missing numbers, numbers near 1e5 with a tiny spread, integers, categories with nulls."""
    random = np.random.default_rng(seed)
    distance = random.normal(1000.0, 300.0, rows)
    carrier = random.choice(["UA", "AA", "DL"], rows)
    hour = random.integers(0, 24, rows)
    noise = random.normal(0.0, 1.0, rows)
    index = np.arange(rows)
    return pl.DataFrame(
        {
            "distance": pl.Series(np.where(index % 9 == 0, np.nan, distance)).fill_nan(None),
            "pressure": random.normal(1e5, 0.1, rows),
            "hour": hour,
            "carrier": pl.Series([c if i % 11 else None for i, c in enumerate(carrier)]),
            "origin": random.choice(["JFK", "LGA"], rows),
            "held": index % 4 == 0,
            "late": (distance / 300.0 + hour / 5.0 + (carrier == "UA") * 2.0 + noise > 6.0).astype(np.int64),
        }
    )


def recipe(estimator: str, **changes: Any) -> Recipe:
    """A recipe over all feature columns of :func:`flights`."""
    body = {
        "name": "late",
        "estimator": estimator,
        "params": PARAMS[estimator],
        "numeric": ["distance", "pressure"],
        "integer": ["hour"],
        "categorical": ["carrier", "origin"],
        "target": "late",
        "split_column": "held",
    }
    return Recipe.from_json(body | changes)


def written(folder: Path, frame: pl.DataFrame | None = None) -> Path:
    """The table as a Parquet file."""
    path = folder / "flights.parquet"
    (flights() if frame is None else frame).write_parquet(path)
    return path
