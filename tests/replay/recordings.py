"""Recordings that the tests replay: with and without times, categories and nulls, and a change on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl


def recording(rows: int = 5000, *, seed: int = 7, turn: float = 0.5) -> pl.DataFrame:
    """Rows in order, without a time: categories, whole numbers, booleans, and numbers with nulls.

    After the share ``turn`` of the rows the meaning of ``usage`` turns round and ``plan`` moves.
    """
    rng = np.random.default_rng(seed)
    late = np.arange(rows) >= rows * turn
    usage = rng.normal(0.0, 1.0, rows)
    age = rng.integers(18, 80, rows)
    trial = rng.random(rows) < 0.3
    plan = np.where(rng.random(rows) < np.where(late, 0.7, 0.3), "basic", "full")
    lift = np.where(late, -1.5, 1.5) * usage + 0.8 * (plan == "full") + 0.6 * trial - 0.5
    target = rng.random(rows) < 1 / (1 + np.exp(-lift))
    return pl.DataFrame(
        {
            "usage": pl.Series(usage).set(pl.Series(rng.random(rows) < 0.1), None),
            "age": age,
            "trial": trial,
            "plan": pl.Series(plan).set(pl.Series(rng.random(rows) < 0.05), None),
            "note": [f"note {row}" for row in range(rows)],
            "left": target.astype(int),
        }
    )


def timed(rows: int = 5000, *, days: float = 20.0, turn: float = 0.5) -> pl.DataFrame:
    """The same with a time, a key of four shops, and the time at which a label was known."""
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    step = timedelta(days=days) / rows
    asked = [begin + row * step for row in range(rows)]
    return recording(rows, turn=turn).with_columns(
        pl.Series("asked_at", asked, dtype=pl.Datetime("us", "UTC")),
        pl.Series("known_at", [at + timedelta(hours=3) for at in asked], dtype=pl.Datetime("us", "UTC")),
        pl.Series("shop", [f"shop {row % 4}" for row in range(rows)]),
    )
