"""Five models: trained in worker processes, two at once, registered, put to work by what was measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tidegate.demo import data
from tidegate.demo.flights import LATE_MINUTES
from tidegate.demo.recipes import recipes
from tidegate.demo.review import Variant
from tidegate.demo.view import View
from tidegate.installation import Installation
from tidegate.training.jobs import Progress, TrainJob, TrainResult
from tidegate.training.launch import run_job
from tidegate.training.recipes import Recipe

MODEL = "flight-delay"
ENDPOINT = "flight-delay"
AT_ONCE = 2
BEST_WEIGHT, SECOND_WEIGHT = 0.7, 0.3


@dataclass(frozen=True)
class Trained:
    """What a worker made of a recipe."""

    recipe: Recipe
    result: TrainResult
    folder: Path
    seconds: float
    digest: str = ""
    """Of the version, once it is registered."""

    @property
    def auc(self) -> float:
        """Of the converted model on the held-out rows; 0 when they had one class only."""
        return float(self.result.metrics["auc"] or 0.0)


def prepare(
    installation: Installation, reference: dict[str, Any], view: View
) -> tuple[dict[str, Trained], Choice]:
    """Trains on the dataset ``reference``, registers, and divides the endpoint's traffic."""
    with view.bars() as bars:
        tasks = {recipe.name: bars.add_task(recipe.name, total=1.0) for recipe in recipes()}

        def progress(name: str, step: Progress) -> None:
            bars.update(tasks[name], completed=step.fraction, description=f"{name}: {step.stage}")

        dataset = installation.artifacts.path(reference["digest"])
        trained = train(dataset, installation.home.jobs, progress)
    versions = register(installation, trained, reference["digest"])
    return versions, serve(installation, versions)


def train(dataset: Path, folder: Path, progress: Callable[[str, Progress], None]) -> list[Trained]:
    """Trains every recipe on ``dataset``; ``progress`` is told each worker's steps by the recipe's name.

    When one fails, or the demo is interrupted, no other is begun and those that run end with their next step.
    """
    ended = threading.Event()

    def step(recipe: Recipe, done: Progress) -> None:
        if ended.is_set():
            raise CancelledError
        progress(recipe.name, done)

    def run(recipe: Recipe) -> Trained:
        if ended.is_set():
            raise CancelledError
        begun = time.monotonic()
        job = TrainJob(dataset=dataset, recipe=recipe)
        result = run_job(job, folder / recipe.name, lambda done: step(recipe, done))
        return Trained(recipe, result, folder / recipe.name, time.monotonic() - begun)

    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="demo-training")
    try:
        return list(pool.map(run, recipes()))
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


def register(installation: Installation, trained: list[Trained], dataset: str) -> dict[str, Trained]:
    """Registers each model as a version, in order; the answer is by version number.

    ``dataset`` is the digest of what they were trained on.
    """
    installation.create_model(MODEL, f"Does a flight arrive more than {LATE_MINUTES} minutes late?")
    versions = {}
    for one in trained:
        info = installation.register_version(
            MODEL,
            installation.put_artifact((one.folder / "model.onnx").read_bytes())["digest"],
            signature=one.result.signature.to_json(),
            contract=one.result.contract.to_json(),
            profile=installation.put_artifact((one.folder / "profile.arrow").read_bytes())["digest"],
            dataset=dataset,
            recipe=one.recipe.to_json(),
            code=one.result.code | {"libraries": one.result.libraries},
            metrics=one.result.metrics,
            conversion=one.result.conversion.to_json(),
            description=one.recipe.name,
        )
        versions[str(info["version"])] = replace(one, digest=info["digest"])
    return versions


@dataclass(frozen=True)
class Choice:
    """Who answers, who is only scored along, and why."""

    weights: dict[str, float]
    shadow: str
    reason: str


def choose(versions: dict[str, Trained]) -> Choice:
    """The two with the highest held-out AUC share the traffic; the one with the lowest shadows them."""
    ranked = sorted(versions, key=lambda version: -versions[version].auc)
    best, second, *_, last = ranked
    named = [f"{versions[version].recipe.name} {versions[version].auc:.3f}" for version in ranked]
    return Choice(
        weights={best: BEST_WEIGHT, second: SECOND_WEIGHT},
        shadow=last,
        reason=f"AUC on {versions[best].result.rows['held_out']} held-out rows: {', '.join(named)}",
    )


def serve(installation: Installation, versions: dict[str, Trained]) -> Choice:
    """Makes the endpoint with the contract of a model that sees all features, and divides its traffic."""
    choice = choose(versions)
    widest = max(versions, key=lambda version: len(versions[version].recipe.columns))
    context = [spec.to_json() for spec in data.CONTEXT]
    installation.create_endpoint(ENDPOINT, MODEL, version=widest, context=context)
    installation.set_traffic(ENDPOINT, choice.weights, [choice.shadow], reason=choice.reason)
    return choice


def at_work(installation: Installation, choice: Choice) -> list[Variant]:
    """The versions of the traffic plan with their profiles, the one with most of the traffic first."""
    weights = {**choice.weights, choice.shadow: 0.0}
    found = []
    for version in sorted(weights, key=lambda version: -weights[version]):
        info = installation.get_version(MODEL, version)
        profile = installation.artifacts.get(info["manifest"]["profile"])
        found.append(Variant(version, info["digest"], profile, version == choice.shadow))
    return found


def describe(versions: dict[str, Trained], choice: Choice) -> dict[str, Any]:
    """The ``models`` and the ``traffic`` of the result."""
    work = {version: f"{weight:.0%}" for version, weight in choice.weights.items()} | {
        choice.shadow: "shadow"
    }
    return {
        "models": [
            {
                "version": version,
                "name": one.recipe.name,
                "estimator": one.recipe.estimator,
                "digest": one.digest,
                "features": len(one.recipe.columns),
                "rows": one.result.rows,
                **{name: one.result.metrics[name] for name in ("auc", "brier", "accuracy")},
                "conversion_rows": one.result.conversion.rows,
                "conversion_difference": one.result.conversion.max_difference,
                "seconds": round(one.seconds, 1),
                "work": work.get(version, ""),
            }
            for version, one in versions.items()
        ],
        "traffic": {"weights": choice.weights, "shadow": choice.shadow, "reason": choice.reason},
    }
