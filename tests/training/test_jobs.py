"""Jobs in their child process: what comes back, and what is said when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate._native import ReferenceProfile
from tidegate.errors import InternalError, InvalidInputError, ModelRefusedError, PreconditionError
from tidegate.training.jobs import Limits, ProbeJob, Progress, TrainJob
from tidegate.training.launch import run_job
from training.samples import flights, recipe, written


def children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def test_trains_and_hands_everything_back(tmp_path: Path) -> None:
    seen: list[Progress] = []
    job = TrainJob(dataset=written(tmp_path), recipe=recipe("hist_gradient_boosting"))
    result = run_job(job, tmp_path / "job", seen.append)
    assert [step.stage for step in seen] == [
        "reading", "fitting", "converting", "comparing", "profiling", "done",
    ]  # fmt: skip
    assert [step.fraction for step in seen] == sorted(step.fraction for step in seen)
    assert result.recipe == job.recipe
    assert result.contract == job.recipe.contract()
    assert [spec.name for spec in result.signature.inputs] == job.recipe.columns
    assert result.rows == {"reference": 900, "training": 675, "held_out": 225}
    assert result.conversion.rows == 225
    assert result.conversion.faithful
    assert 0.8 < (result.metrics["auc"] or 0) < 1.0
    assert {"accuracy", "brier", "log_loss"} < result.metrics.keys()
    assert result.libraries["scikit-learn"] == "1.9.1"
    assert result.code["version"]
    assert (tmp_path / "job" / "model.onnx").stat().st_size > 1000

    profile = ReferenceProfile.from_bytes((tmp_path / "job" / "profile.arrow").read_bytes())
    features = {(f["name"], f["role"]): f for f in profile.features()}
    assert list(features) == [(name, "input") for name in job.recipe.columns] + [("score", "score")]
    assert features["distance", "input"]["missing"] == 100
    assert features["carrier", "input"]["missing"] == flights()["carrier"].null_count()
    assert features["score", "score"]["rows"] == 225
    # As the scorer receives them: float32.
    points = profile.points("pressure")
    assert (points == points.astype(np.float32)).all()


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (flights(40).drop("hour"), "no column 'hour'"),
        (flights(40).with_columns(late=pl.lit(2)), "'late' has the value 2"),
        (flights(40).with_columns(late=pl.lit(1)), "single value"),
        (flights(40).with_columns(hour=pl.lit(None, dtype=pl.Int64)), "'hour' has 40 nulls"),
        (flights(40).with_columns(held=pl.lit(value=True)), "of 40 rows 40 are held out"),
    ],
)
def test_names_what_is_wrong_with_the_data(tmp_path: Path, frame: pl.DataFrame, problem: str) -> None:
    job = TrainJob(dataset=written(tmp_path, frame), recipe=recipe("logistic_regression"))
    with pytest.raises(InvalidInputError, match=problem):
        run_job(job, tmp_path / "job")


def test_weights_decide_what_is_learned(tmp_path: Path) -> None:
    weight = pl.Series("weight", np.arange(2000) % 2)
    told = pl.when(pl.col("weight") == 0).then(1 - pl.col("late")).otherwise("late").alias("late")
    frame = flights(2000).with_columns(weight).with_columns(told)
    weighed = recipe("hist_gradient_boosting", weight_column="weight")
    result = run_job(TrainJob(dataset=written(tmp_path, frame), recipe=weighed), tmp_path / "job")
    # A quarter is held out, all of it without a weight; of the others those without one are left out.
    assert result.rows == {"reference": 1500, "training": 1000, "held_out": 500}
    assert (result.metrics["auc"] or 1) < 0.2  # the held-out rows tell the opposite of what was learned
    for bad in (-1.0, None, float("nan")):
        strange = frame.with_columns(weight=pl.lit(bad, dtype=pl.Float64))
        with pytest.raises(InvalidInputError, match="'weight' must be finite numbers, none of them negative"):
            run_job(TrainJob(dataset=written(tmp_path, strange), recipe=weighed), tmp_path / "job")


def test_a_crash_is_told_with_its_stage(tmp_path: Path) -> None:
    def crash(step: Progress) -> None:
        if step.stage in {"fitting", "loading"}:
            os.kill(children()[0], signal.SIGSEGV)

    job = TrainJob(dataset=written(tmp_path), recipe=recipe("logistic_regression"))
    with pytest.raises(InternalError, match="the train worker was killed by SIGSEGV while fitting"):
        run_job(job, tmp_path / "job", crash)
    model = Path(__file__).parents[1] / "data" / "matrix.onnx"
    # A probe that crashes is the model's fault.
    with pytest.raises(ModelRefusedError, match="the probe worker was killed by SIGSEGV while loading"):
        run_job(ProbeJob(onnx=model), tmp_path / "job", crash)


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (Limits(wall_seconds=0.05), "took more than 0.05 s"),
        (Limits(cpu_seconds=1), "used 1 s of processor time"),
    ],
)
def test_time_is_limited(tmp_path: Path, limits: Limits, problem: str) -> None:
    endless = recipe("logistic_regression", params={"max_iter": 10**6, "tol": 1e-300, "C": 1e12})
    job = TrainJob(dataset=written(tmp_path), recipe=endless, limits=limits)
    with pytest.raises(PreconditionError, match=problem):
        run_job(job, tmp_path / "job")


def test_what_the_listener_raises_ends_the_job(tmp_path: Path) -> None:
    job = TrainJob(dataset=written(tmp_path), recipe=recipe("logistic_regression"))

    def cancel(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job, tmp_path / "job", cancel)
    assert children() == []


PARENT = """
import os, sys
from pathlib import Path
from training.samples import recipe
from tidegate.training.jobs import TrainJob
from tidegate.training.launch import run_job

def die(step):
    print(Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
    os._exit(9)

dataset, folder = map(Path, sys.argv[1:])
run_job(TrainJob(dataset=dataset, recipe=recipe("random_forest")), folder, die)
"""


def test_the_worker_ends_with_its_parent(tmp_path: Path, wait_until: Callable[..., None]) -> None:
    command = [sys.executable, "-c", PARENT, str(written(tmp_path)), str(tmp_path / "job")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 9, done.stderr
    worker = Path(f"/proc/{int(done.stdout)}/cmdline")
    # A zombie that nobody waits for has no command line.
    wait_until(lambda: not worker.exists() or not worker.read_bytes())


def test_secrets_of_the_parent_stay_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_KEY", "hidden")
    seen = []

    def look(step: Progress) -> None:
        if step.stage == "reading":
            seen.append(Path(f"/proc/{children()[0]}/environ").read_bytes())

    run_job(TrainJob(dataset=written(tmp_path), recipe=recipe("logistic_regression")), tmp_path / "job", look)
    assert seen
    assert b"hidden" not in seen[0]
