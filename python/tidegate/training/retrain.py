"""The retraining job: choose the rows, train on them, compare with the parent. Runs in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.training import pipelines, selection
from tidegate.training.columns import read_table
from tidegate.training.duel import duel, scores
from tidegate.training.jobs import Report, RetrainJob, RetrainResult, TrainJob, TrainResult
from tidegate.training.recipes import Recipe
from tidegate.training.train import labelled, train

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import NDArray

HELD_OUT = "tidegate_held_out"
"""The column of a retraining's dataset that marks the newest rows: nothing was chosen by them or fitted."""
WEIGHT = "tidegate_weight"
"""The column with each row's weight in the fit; 0 outside of the data set that was chosen."""
_BEFORE = -(2**62)


def retrain(job: RetrainJob, folder: Path, report: Report) -> RetrainResult:
    """Writes ``dataset.parquet`` with the choice in two columns, and what :func:`train` writes."""
    report("reading", 0.0, job.dataset.name)
    rows, target = labelled(read_table(job.dataset).sort(job.time_column, maintain_order=True), job.recipe)
    moments = _moments(rows[job.time_column])
    layout = selection.lay_out(moments, _microseconds(job.change))
    found = {"all": rows.height, "since": _since(moments, job.change), "held_out": 0, "judged": 0}
    if layout is None:
        return RetrainResult(rows=found, change=job.change, selection={}, comparison={})
    change = job.change or rows[job.time_column][layout.change]
    found |= {
        "since": layout.end - layout.change,
        "held_out": layout.end - layout.held_out,
        "judged": layout.held_out - layout.blocks[0].start,
    }
    chosen = _select(job.recipe, rows, target, layout, report)
    if chosen["chosen"] is None:
        return RetrainResult(rows=found, change=change, selection=chosen, comparison={})
    recipe = job.recipe.model_copy(
        update={"split_column": HELD_OUT, "held_out": None, "weight_column": WEIGHT}
    )
    _mark(rows, layout, chosen["chosen"], recipe.seed).write_parquet(folder / "dataset.parquet")
    trained = train(
        TrainJob(dataset=folder / "dataset.parquet", recipe=recipe), folder, _part(report, 0.6, 0.95)
    )
    report("judging", 0.95, f"against the parent on {found['held_out']} held-out rows")
    held = slice(layout.held_out, layout.end)
    compared = duel(
        moments[held],
        target[held],
        scores(job.parent.read_bytes(), job.parent_contract, rows[held]),
        scores((folder / "model.onnx").read_bytes(), trained.contract, rows[held]),
    )
    return RetrainResult(
        rows=found, change=change, selection=chosen, comparison=compared, trained=_measured(trained, compared)
    )


def _select(
    recipe: Recipe,
    rows: pl.DataFrame,
    target: NDArray[np.int64],
    layout: selection.Layout,
    report: Report,
) -> dict[str, Any]:
    """The choice with, in each line of its table, the ``rows`` that the candidate would be trained on."""
    usable = slice(0, layout.held_out)
    report("selecting", 0.05, f"{len(selection.CANDIDATES)} data sets on {selection.BLOCKS} blocks")
    trial = _Trial(recipe, pipelines.training_frame(rows[usable], recipe), target)
    chosen = selection.choose(
        selection.compare(
            layout,
            target,
            trial.fit,
            recipe.seed,
            lambda share, what: report("selecting", 0.05 + 0.55 * share, what),
        )
    )
    for row in chosen["table"]:
        drawn, _ = selection.draw(row["candidate"], layout.change, layout.held_out, seed=recipe.seed)
        row["rows"] = len(drawn)
    return chosen


@dataclass(frozen=True)
class _Trial:
    """Fits of a recipe on some of the rows, without the conversion to ONNX."""

    recipe: Recipe
    features: pl.DataFrame
    target: NDArray[np.int64]

    def fit(
        self, rows: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Callable[[slice], NDArray[np.float64]]:
        from threadpoolctl import threadpool_limits

        # On so few rows a second thread costs more than it brings: 0.4 s of processor time a fit against 0.7.
        with threadpool_limits(1):
            pipeline = pipelines.fit(self.recipe, self.features[rows], self.target[rows], weights)
        return lambda block: np.asarray(pipeline.predict_proba(self.features[block]))[:, 1].astype(np.float64)


def _mark(rows: pl.DataFrame, layout: selection.Layout, candidate: str, seed: int) -> pl.DataFrame:
    drawn, given = selection.draw(candidate, layout.change, layout.held_out, seed=seed)
    weights = np.zeros(rows.height)
    weights[drawn] = given
    held = np.arange(rows.height) >= layout.held_out
    return rows.with_columns(pl.Series(HELD_OUT, held), pl.Series(WEIGHT, weights))


def _measured(trained: TrainResult, compared: dict[str, Any]) -> TrainResult:
    names = ("parent_brier", "parent_auc", "gain", "gain_se", "gain_low")
    return trained.model_copy(update={"metrics": trained.metrics | {name: compared[name] for name in names}})


def _moments(times: pl.Series) -> NDArray[np.int64]:
    """Microseconds since 1970; rows without a time come first, each a moment of its own."""
    known = times.dt.epoch("us").to_numpy(allow_copy=True)
    without = times.is_null().to_numpy()
    return np.where(without, _BEFORE + np.arange(len(times)), np.nan_to_num(known)).astype(np.int64)


def _microseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    return round(moment.astimezone(UTC).timestamp() * 1_000_000)


def _since(moments: NDArray[np.int64], change: datetime | None) -> int:
    since = _microseconds(change)
    if since is None:
        return round(len(moments) * selection.HISTORY)
    return len(moments) - int(np.searchsorted(moments, since))


def _part(report: Report, begin: float, end: float) -> Report:
    """``report`` for a step that runs from ``begin`` to ``end`` of the whole."""

    def scaled(stage: str, fraction: float, message: str = "") -> None:
        report(stage, begin + (end - begin) * fraction, message)

    return scaled
