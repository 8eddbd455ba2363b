"""The first candidates: trained in worker processes, two at once, and registered by the scientist."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tidegate.client import Client
from tidegate.installation import Installation
from tidegate.training.jobs import Progress, TrainJob, TrainResult
from tidegate.training.launch import run_job
from tidegate.training.recipes import Recipe

AT_ONCE = 2


@dataclass(frozen=True)
class Trained:
    """What a worker made of a recipe."""

    recipe: Recipe
    result: TrainResult
    folder: Path
    seconds: float
    number: str = ""
    """Of the version, once it is registered."""
    digest: str = ""


def train(
    recipes: Sequence[Recipe], dataset: Path, folder: Path, progress: Callable[[str, Progress], None]
) -> list[Trained]:
    """Trains every recipe on ``dataset``; ``progress`` is told each worker's steps by the recipe's name.

    When one fails, or the replay is interrupted, no other is begun and those that run end with their next
    step.
    """
    ended = threading.Event()

    def step(recipe: Recipe, done: Progress) -> None:
        if ended.is_set():
            raise CancelledError
        progress(recipe.name, done)

    def run(recipe: Recipe, place: Path) -> Trained:
        if ended.is_set():
            raise CancelledError
        begun = time.monotonic()
        job = TrainJob(dataset=dataset, recipe=recipe)
        result = run_job(job, place, lambda done: step(recipe, done))
        return Trained(recipe, result, place, time.monotonic() - begun)

    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="replay-training")
    try:
        return list(pool.map(run, recipes, [folder / str(number) for number in range(len(recipes))]))
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


def register(scientist: Client, model: str, trained: Sequence[Trained], dataset: str) -> list[Trained]:
    """Registers each as a version of ``model``, in order; ``dataset`` is the digest of what they saw."""
    registered = []
    for one in trained:
        info = register_one(scientist, model, one, dataset)
        registered.append(replace(one, number=str(info["version"]), digest=info["digest"]))
    return registered


def register_one(
    verbs: Client | Installation, model: str, one: Trained, dataset: str | None = None
) -> dict[str, Any]:
    """Registers what a worker made as the next version of ``model``."""
    return verbs.register_version(
        model,
        verbs.put_artifact((one.folder / "model.onnx").read_bytes())["digest"],
        signature=one.result.signature.to_json(),
        contract=one.result.contract.to_json(),
        profile=verbs.put_artifact((one.folder / "profile.arrow").read_bytes())["digest"],
        dataset=dataset,
        recipe=one.recipe.to_json(),
        code=one.result.code | {"libraries": one.result.libraries},
        metrics=dict(one.result.metrics),
        conversion=one.result.conversion.to_json(),
        description=one.recipe.name,
    )


def describe(one: Trained) -> dict[str, Any]:
    """A member of the result's ``candidates``."""
    return {
        "version": one.number,
        "name": one.recipe.name,
        "estimator": one.recipe.estimator,
        "digest": one.digest,
        "features": len(one.recipe.columns),
        "rows": one.result.rows,
        **{name: one.result.metrics[name] for name in ("auc", "brier", "accuracy")},
        "conversion_rows": one.result.conversion.rows,
        "conversion_difference": one.result.conversion.max_difference,
        "seconds": round(one.seconds, 1),
    }
