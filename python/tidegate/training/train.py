"""The training job: read, split, fit, convert, compare, measure, profile. Runs in a worker process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError
from tidegate.training import conversion, graphs, pipelines
from tidegate.training.columns import read_table
from tidegate.training.golden import golden_run
from tidegate.training.jobs import Report, TrainJob, TrainResult
from tidegate.training.profiles import reference_profile
from tidegate.training.provenance import code_state, library_versions
from tidegate.training.recipes import LABEL, PROBABILITIES, Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray


def train(job: TrainJob, folder: Path, report: Report) -> TrainResult:
    """Trains ``job.recipe``; writes ``model.onnx``, ``profile.arrow`` and ``golden.json`` into ``folder``.

    The profile holds the inputs of all rows and the scores of the held-out ones: scores on the rows that a
    model was fitted on are sharper than any it will give later, and would make every later score look
    drifted.
    """
    recipe = job.recipe
    report("reading", 0.0, job.dataset.name)
    rows, target = labelled(_weighty(_read(job.dataset, recipe), recipe), recipe)
    held = _held_out(rows, recipe)
    _check_classes(target[~held], recipe)
    weights = None if recipe.weight_column is None else rows[recipe.weight_column].to_numpy()[~held]
    features = pipelines.training_frame(rows, recipe)
    report("fitting", 0.1, f"{recipe.estimator} on {int((~held).sum())} rows, {len(recipe.columns)} columns")
    pipeline = pipelines.fit(recipe, features.filter(pl.Series(~held)), target[~held], weights)
    report("converting", 0.7, recipe.estimator)
    data = conversion.convert(pipeline, recipe)
    test = rows.filter(pl.Series(held))
    report("comparing", 0.8, f"with scikit-learn on {test.height} held-out rows")
    converted = conversion.answers(data, test, recipe)
    original = features.filter(pl.Series(held))
    comparison = conversion.compare(pipeline.predict_proba(original), pipeline.predict(original), converted)
    conversion.refuse_unfaithful(comparison)
    report("profiling", 0.9, f"{rows.height} reference rows")
    scores = converted[PROBABILITIES][:, 1].astype(np.float64)
    contract = recipe.contract()
    (folder / "profile.arrow").write_bytes(reference_profile(rows, contract.inputs, scores))
    (folder / "model.onnx").write_bytes(data)
    session = graphs.open_graph(data)
    golden = golden_run(session, contract.inputs, test, folder / "golden.json")
    return TrainResult(
        recipe=recipe,
        signature=graphs.signature(session),
        contract=contract,
        metrics=_metrics(target[held], scores, converted[LABEL], recipe),
        conversion=comparison,
        golden=golden.figures,
        rows={"reference": rows.height, "training": int((~held).sum()), "held_out": test.height},
        code=code_state(),
        libraries=library_versions(),
    )


def _read(path: Path, recipe: Recipe) -> pl.DataFrame:
    extra = [name for name in (recipe.split_column, recipe.weight_column) if name]
    return read_table(path, [*recipe.columns, recipe.target, *extra])


def _weighty(rows: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """The rows that have a say: with a weight, or held out."""
    if recipe.weight_column is None:
        return rows
    weight = rows[recipe.weight_column]
    if not weight.dtype.is_numeric() or weight.null_count() or not (weight.is_finite() & (weight >= 0)).all():
        raise InvalidInputError(
            f"weight column {recipe.weight_column!r} must be finite numbers, none of them negative"
        )
    used = pl.col(recipe.weight_column) > 0
    if recipe.split_column and rows[recipe.split_column].dtype == pl.Boolean:
        used = used | pl.col(recipe.split_column)
    return rows.with_columns(weight.cast(pl.Float64)).filter(used)


def labelled(rows: pl.DataFrame, recipe: Recipe) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """The rows that have a target, and it as 0 and 1.

    Raises:
        InvalidInputError: the target has another value or type.

    """
    kept = rows.filter(pl.col(recipe.target).is_not_null())
    target = kept[recipe.target]
    if not (target.dtype.is_numeric() or target.dtype == pl.Boolean):
        raise InvalidInputError(
            f"target {recipe.target!r} has type {target.dtype}, expected 0 and 1 or booleans"
        )
    values = target.cast(pl.Float64).to_numpy()
    strange = np.unique(values[~np.isin(values, [0.0, 1.0])])
    if strange.size:
        raise InvalidInputError(
            f"target {recipe.target!r} has the value {strange[0]:g}, expected 0 and 1 only"
        )
    return kept, values.astype(np.int64)


def _held_out(rows: pl.DataFrame, recipe: Recipe) -> NDArray[np.bool_]:
    if recipe.split_column:
        split = rows[recipe.split_column]
        if split.dtype != pl.Boolean or split.null_count():
            raise InvalidInputError(f"split column {recipe.split_column!r} must be boolean and without nulls")
        held = split.to_numpy().astype(np.bool_)
    else:
        held = np.zeros(rows.height, dtype=np.bool_)
        order = np.random.default_rng(recipe.seed).permutation(rows.height)
        held[order[: round(rows.height * (recipe.held_out or 0.0))]] = True
    if not held.any() or held.all():
        raise InvalidInputError(f"of {rows.height} rows {int(held.sum())} are held out; both parts need some")
    return held


def _check_classes(target: NDArray[np.int64], recipe: Recipe) -> None:
    if np.unique(target).size < 2:
        raise InvalidInputError(
            f"the training rows have a single value of the target {recipe.target!r}, expected 0 and 1"
        )


def _metrics(
    target: NDArray[np.int64], scores: NDArray[np.float64], labels: NDArray[Any], recipe: Recipe
) -> dict[str, float | int | None]:
    """Of the converted model on the held-out rows; AUC is None when they have one class only."""
    from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

    both = np.unique(target).size == 2
    shares = scores.clip(0.0, 1.0)  # a forest's float32 sum can end a few ulps above 1
    return {
        "rows": int(target.size),
        "positives": int(target.sum()),
        "accuracy": float(accuracy_score(target, scores > recipe.threshold)),
        "label_accuracy": float(accuracy_score(target, labels)),
        "auc": float(roc_auc_score(target, scores)) if both else None,
        "brier": float(brier_score_loss(target, shares)),
        "log_loss": float(log_loss(target, shares, labels=[0, 1])),
    }
