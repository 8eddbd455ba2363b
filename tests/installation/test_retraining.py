"""Retraining over an open home: what is registered and what is not, for whom, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.gateway.callers import BASE, InProcess
from tests.people import ROLES
from typer.testing import CliRunner, Result

import tidegate
from tidegate import Client, Installation
from tidegate.cli import app
from tidegate.errors import InvalidInputError, PermissionDeniedError, PreconditionError
from tidegate.gateway import create_app
from tidegate.monitoring.logs import LABELS, PREDICTIONS
from tidegate.registry.retrainings import Retrainings
from tidegate.serving import Announcements
from tidegate.store import digest_of
from tidegate.training.jobs import TrainJob
from tidegate.training.launch import run_job
from tidegate.training.recipes import Recipe
from training.samples import flights

START = datetime(2013, 1, 1, tzinfo=UTC)
REFERENCE, ROWS, CHANGED = 2500, 5000, 3800
RECIPE = Recipe.from_json(
    {
        "name": "late",
        "estimator": "hist_gradient_boosting",
        "params": {"max_iter": 12},
        "numeric": ["distance", "pressure"],
        "integer": ["hour"],
        "categorical": ["carrier", "origin"],
        "target": "late",
        "missing": "unknown",
    }
)


def when(row: int) -> datetime:
    return START + timedelta(minutes=20 * row)


def history(*, changed: bool) -> pl.DataFrame:
    frame = flights(ROWS, seed=4).drop("held")
    new = pl.int_range(pl.len()) >= CHANGED
    late = pl.when(new).then(1 - pl.col("late")).otherwise("late").alias("late")
    time = pl.Series("time", [when(row) for row in range(ROWS)]).dt.cast_time_unit("us")
    return frame.with_columns(time, late if changed else pl.col("late"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """What the first 2,500 rows make of the recipe."""
    folder = tmp_path_factory.mktemp("trained")
    history(changed=False).head(REFERENCE).write_parquet(folder / "reference.parquet")
    return folder, run_job(TrainJob(dataset=folder / "reference.parquet", recipe=RECIPE), folder / "job")


def serve(installation: Installation, trained: tuple[Path, Any], rows: pl.DataFrame, **facts: Any) -> str:
    """A home whose version 1 answered ``rows`` (those after the reference), with labels a day later."""
    folder, result = trained
    installation.create_model("delay")
    dataset = installation.register_dataset("reference", folder / "reference.parquet", "time")["digest"]
    known: dict[str, Any] = {"dataset": dataset, "recipe": result.recipe.to_json()}
    made = installation.register_version(
        "delay",
        installation.put_artifact((folder / "job" / "model.onnx").read_bytes())["digest"],
        signature=result.signature.to_json(),
        contract=result.contract.to_json(),
        profile=installation.put_artifact((folder / "job" / "profile.arrow").read_bytes())["digest"],
        **known | facts,
    )
    with installation.database.transaction() as transaction:
        transaction.execute("UPDATE versions SET stage = 'production'")
    installation.create_endpoint("flight", "delay")
    installation.set_traffic("flight", {"1": 1.0})
    write(installation.home.root, rows, made["digest"])
    return str(made["digest"])


def write(root: Path, rows: pl.DataFrame, variant: str) -> None:
    ids = [f"{row:032x}" for row in range(rows.height)]
    common = {
        "row": 0, "role": "answer", "model": "delay", "version": "1", "variant": variant, "route": "weight",
        "sticky": False, "generation": 1, "principal": "local", "score": 0.5, "gap": 0,
        "sample": 1.0,
    }  # fmt: skip
    sent = rows.with_columns(
        pl.col("distance", "pressure").cast(pl.Float32).fill_null(float("nan")),
        pl.col("carrier", "origin").fill_null("unknown"),
    ).select(pl.col("distance", "pressure", "hour", "carrier", "origin").name.prefix("input."))
    scored = sent.with_columns(
        pl.Series("prediction_id", ids),
        rows["time"].alias("event_time"),
        rows["time"].alias("received_at"),
        pl.lit(None, dtype=pl.String).alias("client_id"),
        pl.lit(None, dtype=pl.String).alias("key"),
        *(pl.lit(value, dtype=PREDICTIONS[name]).alias(name) for name, value in common.items()),
    ).select(*PREDICTIONS, *sent.columns)
    shadow = scored.with_columns(
        pl.lit("shadow").alias("role"), *(pl.lit(None).alias(n) for n in sent.columns)
    )
    labels = pl.DataFrame(
        {
            "prediction_id": ids,
            "row": [0] * len(ids),
            "label": rows["late"].cast(pl.Float64),
            "event_id": ids,
            "observed_at": rows["time"] + timedelta(days=1),
            "received_at": rows["time"],
            "principal": ["local"] * len(ids),
        },
        schema=LABELS,
    )
    for spool, frame in (
        ("predictions", pl.concat([scored, shadow], how="vertical_relaxed")),
        ("labels", labels),
    ):
        folder = root / spool / "flight"
        folder.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(folder / "20130301T000000-1-0.parquet")


def since_reference(*, changed: bool) -> pl.DataFrame:
    return history(changed=changed)[REFERENCE - 100 :]  # a hundred rows that the dataset has too


def alarm(installation: Installation, variant: str) -> int:
    verdict = {
        "variant": variant, "version": "1", "shadow": False, "role": "score", "feature": "score",
        "stream": "values", "began": when(CHANGED).isoformat(), "alarmed_at": when(CHANGED + 50).isoformat(),
        "ended_at": None,
    }  # fmt: skip
    new, _ = installation.registry.alarms.record("flight", [verdict], principal="owner")
    return new[0]


def test_a_better_version_is_registered_with_its_origin(
    installation: Installation, trained: tuple[Path, Any]
) -> None:
    parent = serve(installation, trained, since_reference(changed=True))
    installation.create_key("ada", "data_scientist")
    cause = alarm(installation, parent)
    made = installation.retrain(
        "flight", cause, reason="the score has moved", principal="ada", idempotency_key="k"
    )
    assert (made["outcome"], made["parent"], made["alarm"]) == ("better", parent, cause)
    assert made["says"].startswith("version 2 is better: Brier score ")
    body = made["body"]
    assert body["counts"] == {"parent": 2500, "logged": 2600, "labelled": 2600, "added": 2500}
    assert body["t_star"] == when(CHANGED).isoformat()
    assert body["selection"]["chosen"] == "R5"
    assert body["diagnosis"]["faults"] == []
    assert body["comparison"]["gain_low"] > 0.05
    assert (
        installation.retrain(
            "flight", cause, reason="the score has moved", principal="ada", idempotency_key="k"
        )
        == made
    )
    assert installation.list_retrainings("flight") == [made]

    version = installation.get_version("delay", "2")
    assert (version["digest"], version["created_by"], version["stage"]) == (
        made["version"],
        "ada",
        "development",
    )
    manifest = version["manifest"]
    assert manifest["parent"] == parent
    assert {"auc", "brier", "log_loss", "parent_brier", "parent_auc", "gain", "gain_low"} < manifest[
        "metrics"
    ].keys()
    dataset = next(one for one in installation.list_datasets() if one["digest"] == made["dataset"])
    assert (dataset["name"], dataset["rows"], dataset["time_column"]) == ("flight-labelled", 5000, "time")
    assert dataset["origin"]["alarm"] == cause
    assert dataset["origin"]["parent"] == installation.get_version("delay", "1")["manifest"]["dataset"]
    edges = {
        (edge.relation, edge.object) for edge in installation.graph.sources(f"version:{made['version']}")
    }
    assert {("caused_by", f"alarm:{cause}"), ("retrained_by", f"retraining:{made['id']}")} < edges
    assert ("dataset", f"dataset:{made['dataset']}") in edges
    tree = installation.graph.explain_digest(made["version"])
    assert (tree["retraining"]["id"], tree["alarm"]["id"]) == (made["id"], cause)
    assert tree["parent"]["digest"] == parent
    assert installation.audit_verify()["ok"]
    rows = pl.read_parquet(installation.artifacts.path(made["dataset"]))
    # What was sent as a token or as NaN is null again, and every row is there once.
    assert rows["carrier"].null_count() == history(changed=True)["carrier"].null_count()
    assert rows["distance"].fill_nan(None).null_count() == history(changed=True)["distance"].null_count()
    assert rows["time"].n_unique() == rows.height
    assert list(installation.home.jobs.glob("retrain-*")) == []

    # Once more, from the new version: rows that its dataset holds are not taken twice.
    with installation.database.transaction() as transaction:
        transaction.execute("UPDATE versions SET stage = 'production'")
    installation.set_traffic("flight", {"2": 1.0})
    again = installation.retrain("flight")
    assert again["body"]["counts"] == {"parent": 5000, "logged": 2600, "labelled": 2600, "added": 0}
    assert again["outcome"] == "not_better"


def test_what_is_not_better_leaves_only_its_record(
    installation: Installation, trained: tuple[Path, Any]
) -> None:
    serve(installation, trained, since_reference(changed=False))
    made = installation.retrain("flight")
    assert (made["outcome"], made["version"], made["dataset"]) == ("not_better", None, None)
    assert made["says"].startswith("not better, so nothing is registered: Brier score ")
    assert made["body"]["comparison"]["gain_low"] <= 0
    assert len(installation.list_versions("delay")) == 1
    assert [one["name"] for one in installation.list_datasets()] == ["reference"]
    assert installation.list_retrainings("flight") == [made]


def test_a_fault_of_the_data_stops_it(installation: Installation, trained: tuple[Path, Any]) -> None:
    rows = since_reference(changed=True).with_columns(
        pl.when(pl.int_range(pl.len()) >= CHANGED - REFERENCE + 100)
        .then(None)
        .otherwise("pressure")
        .alias("pressure")
    )
    parent = serve(installation, trained, rows)
    made = installation.retrain("flight", alarm(installation, parent))
    assert made["outcome"] == "fix_data"
    assert made["says"].startswith(
        "fix the data: pressure: missing in 100.0% of the rows, 0.0% in the reference"
    )
    assert "selection" not in made["body"]
    found = installation.diagnose("flight")
    assert [fault["fault"] for fault in found["faults"]] == ["null_burst"]
    assert found["since"] == when(CHANGED).isoformat()
    assert found["faults"] == made["body"]["diagnosis"]["faults"]
    before = installation.diagnose("flight", since=when(REFERENCE).isoformat())
    assert before["rows"] == {"reference": 2500, "live": 2500}


def test_until_hides_what_was_not_known(installation: Installation, trained: tuple[Path, Any]) -> None:
    parent = serve(installation, trained, since_reference(changed=True))
    made = installation.retrain("flight", alarm(installation, parent), until=when(4050).isoformat())
    # Labels come a day, 72 rows, later.
    assert made["body"]["counts"] == {"parent": 2500, "logged": 1650, "labelled": 1579, "added": 1479}
    assert made["outcome"] == "too_few_labels"
    assert made["says"].startswith(
        "179 labelled rows since the change are too few: 100 are needed to choose by"
    )
    assert made["version"] is None


def test_what_can_not_be_retrained_says_so(installation: Installation, trained: tuple[Path, Any]) -> None:
    parent = serve(
        installation, trained, since_reference(changed=True), recipe={"kind": "file"}, dataset=None
    )
    with pytest.raises(PreconditionError, match="was not trained by a recipe; give one: tidegate retrain"):
        installation.retrain("flight")
    with pytest.raises(PreconditionError, match="has no dataset to compare with"):
        installation.diagnose("flight")
    with pytest.raises(InvalidInputError, match="the recipe can't be used"):
        installation.retrain("flight", recipe={"name": "x"})
    other = RECIPE.model_copy(update={"numeric": ["distance", "altitude"]}).to_json()
    with pytest.raises(PreconditionError, match="'altitude' is not logged on endpoint flight"):
        installation.retrain("flight", recipe=other)
    installation.create_endpoint("second", "delay")
    cause = alarm(installation, parent)
    with pytest.raises(PreconditionError, match="no version answers endpoint second"):
        installation.retrain("second", recipe=RECIPE.to_json())
    with pytest.raises(InvalidInputError, match="is of endpoint flight, not of second"):
        installation.retrain("second", cause, recipe=RECIPE.to_json())
    with pytest.raises(InvalidInputError, match="'then' is no time"):
        installation.retrain("flight", recipe=RECIPE.to_json(), until="then")
    assert installation.list_retrainings("flight") == []
    # With a recipe the logged rows alone are enough.
    made = installation.retrain("flight", cause, recipe=RECIPE.to_json())
    assert made["outcome"] == "better"
    assert made["body"]["counts"]["parent"] == 0


def test_a_record_that_fails_leaves_no_version(
    installation: Installation, trained: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = serve(installation, trained, since_reference(changed=True))

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(Retrainings, "record", fail)
    with pytest.raises(RuntimeError, match="no room"):
        installation.retrain("flight", alarm(installation, parent))
    assert len(installation.list_versions("delay")) == 1
    assert len(installation.list_datasets()) == 1


As = Callable[[str], Client]


def test_the_three_faces_agree(installation: Installation, trained: tuple[Path, Any], home: Path) -> None:
    serve(installation, trained, since_reference(changed=False))
    application = create_app(installation, Announcements(installation.home.deployments))

    def client(name: str, role: str) -> Client:
        made = Client(BASE, installation.create_key(name, role)["key"])
        made._control._http._transport = InProcess(application)
        return made

    worker = client("rita", "retraining_worker")
    made = worker.retrain("flight", reason="it is time")
    assert made["created_by"] == "rita"
    assert worker.list_retrainings("flight") == installation.list_retrainings("flight") == [made]
    assert worker.diagnose("flight") == installation.diagnose("flight")
    for name, role in ROLES.items():
        if role not in {"data_scientist", "operator"}:
            somebody = client(name, role)
            with pytest.raises(PermissionDeniedError, match=f"{name} may not retrain"):
                somebody.retrain("flight")
    installation.close()

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(app, [*arguments, "--home", str(home)])
        assert done.exit_code == 0, done.output
        return done

    assert json.loads(run("retraining", "list", "flight", "--json").stdout) == [made]
    shown = run("retraining", "list", "flight").stdout
    assert "retraining 1 of version 1: not_better" in shown
    assert "the rows since the change" in shown
    assert "no fault of the data" in run("diagnose", "flight").stdout
    recipe = home / "recipe.json"
    recipe.write_text(RECIPE.model_dump_json())
    again = json.loads(run("retrain", "flight", "--recipe", str(recipe), "--json").stdout)
    assert again["outcome"] == "not_better"
    assert digest_of(again["body"]["selection"]) == digest_of(made["body"]["selection"])
    recipe.write_text("[]")
    refused = CliRunner().invoke(app, ["retrain", "flight", "--recipe", str(recipe), "--home", str(home)])
    assert (refused.exit_code, "is no recipe" in refused.stderr) == (2, True)
    with tidegate.open(home) as opened:
        assert len(opened.list_retrainings("flight")) == 2
