"""The rows that a retraining and a diagnosis look at: what a version was trained on, and what came since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate.errors import InvalidInputError, PreconditionError
from tidegate.installation.opened import OpenHome
from tidegate.types import Contract, DatasetInfo, VersionInfo

if TYPE_CHECKING:
    import polars as pl

    from tidegate.training.recipes import Recipe

TIME = "event_time"
"""The time column of a dataset whose parent had none."""
ROW = "tidegate_row"
"""The column of a labelled dataset that names the logged row: prediction id and row; null for others."""
DIAGNOSED = 20_000
"""The newest logged rows that a diagnosis looks at, where nothing says since when."""


@dataclass(frozen=True)
class Material:
    """What a version was trained on and the labelled rows since, in order of time."""

    frame: pl.DataFrame
    time_column: str
    counts: dict[str, int]
    """``parent``, ``logged``, ``labelled`` (of those) and ``added``."""


def champion(opened: OpenHome, endpoint: str) -> VersionInfo:
    """The version with the largest share of the endpoint's answers.

    Raises:
        PreconditionError: none answers.

    """
    plan = opened.registry.deployments.plan(endpoint)
    answering = [] if plan is None else [one for one in plan.variants if not one.shadow and one.weight > 0]
    if not answering:
        raise PreconditionError(
            f"no version answers endpoint {endpoint}; give it one with: "
            f"tidegate traffic set {endpoint} VERSION=1.0"
        )
    return opened.registry.versions.by_digest(max(answering, key=lambda one: one.weight).digest)


def dataset(opened: OpenHome, version: VersionInfo) -> DatasetInfo | None:
    """What a version was trained on, if it is registered."""
    digest = version.manifest["dataset"]
    return None if digest is None else opened.registry.datasets.by_digest(digest)


def reference(opened: OpenHome, version: VersionInfo) -> pl.DataFrame:
    """The rows that a version was fitted and judged on, in order of time.

    Raises:
        PreconditionError: it has no dataset.

    """
    import polars as pl

    known = dataset(opened, version)
    if known is None:
        raise PreconditionError(
            f"version {version.version} of {version.model} has no dataset to compare with; register one with "
            f"its rows: tidegate version register {version.model} --onnx FILE --reference FILE"
        )
    frame = pl.read_parquet(opened.artifacts.path(known.digest))
    recipe = version.manifest["recipe"]
    weight, split = recipe.get("weight_column"), recipe.get("split_column")
    if weight in frame.columns and split in frame.columns:
        frame = frame.filter((pl.col(weight) > 0) | pl.col(split))
    return frame if known.time_column is None else frame.sort(known.time_column, maintain_order=True)


def columns(contract: Contract) -> list[str]:
    """The feature columns that a contract takes."""
    return [name for spec in contract.inputs for name in spec.columns]


def tokens(contract: Contract) -> dict[str, str]:
    """What stands for a missing value, of the columns that have such a string."""
    return {
        name: spec.missing for spec in contract.inputs if spec.missing is not None for name in spec.columns
    }


def logged(
    opened: OpenHome,
    endpoint: str,
    wanted: Iterable[str],
    missing: dict[str, str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pl.LazyFrame:
    """The endpoint's answered rows by event time, inputs under their own names, nulls as they were sent."""
    import polars as pl

    from tidegate.monitoring import logs

    rows = logs.predictions(opened.home.root, endpoint, since, until).filter(pl.col("role") == "answer")
    there = set(rows.collect_schema().names())
    inputs = []
    for name in wanted:
        if f"input.{name}" in there:
            value = pl.col(f"input.{name}")
            if name in missing:
                value = value.cast(pl.String)
                value = pl.when(value != missing[name]).then(value)
            inputs.append(value.alias(name))
    return rows.sort("event_time", maintain_order=True).select(
        "prediction_id", "row", pl.col("event_time").alias("tidegate_time"), *inputs
    )


def gather(
    opened: OpenHome, endpoint: str, parent: VersionInfo, recipe: Recipe, until: datetime | None
) -> Material:
    """The parent's rows and the endpoint's labelled rows up to ``until``, each row once.

    A logged row counts when its event time is before ``until`` and its label was observed by then. A row that
    a labelled dataset holds already is left out by its name; rows from before the end of a dataset that was
    not made from this log are taken to be in it.

    Raises:
        PreconditionError: a column of the recipe is neither in the dataset nor in the log.

    """
    import polars as pl

    from tidegate.monitoring import logs

    contract = Contract.model_validate(parent.manifest["contract"])
    wanted = list(dict.fromkeys([*recipe.columns, *columns(contract)]))
    served = opened.registry.endpoints.get(endpoint).contract
    missing = dict.fromkeys(recipe.categorical, recipe.missing) | tokens(contract) | tokens(served)
    known = dataset(opened, parent)
    old, time_column = _trained_on(opened, known, [*wanted, recipe.target])
    rows = logged(opened, endpoint, wanted, missing, until=until)
    absent = [name for name in wanted if name not in rows.collect_schema().names()]
    if absent:
        raise PreconditionError(
            f"column {absent[0]!r} is not logged on endpoint {endpoint}: it takes no such input"
        )
    found = rows.collect()
    labels = logs.labels(opened.home.root, endpoint, until=until).select("prediction_id", "row", "label")
    new = found.join(
        labels.collect(), on=["prediction_id", "row"], how="inner", maintain_order="left"
    ).select(
        *wanted,
        pl.col("label").alias(recipe.target),
        pl.col("tidegate_time").alias(time_column),
        pl.format("{}#{}", "prediction_id", "row").alias(ROW),
    )
    labelled = new.height
    new = _not_yet(new, old, time_column)
    frame = pl.concat([old, new], how="diagonal_relaxed").sort(
        time_column, nulls_last=False, maintain_order=True
    )
    counts = {"parent": old.height, "logged": found.height, "labelled": labelled, "added": new.height}
    return Material(frame, time_column, counts)


def _trained_on(
    opened: OpenHome, known: DatasetInfo | None, wanted: Sequence[str]
) -> tuple[pl.DataFrame, str]:
    """The dataset's rows with a target, in order of time; none when it lacks a column."""
    import polars as pl

    if known is None or set(wanted) - known.columns.keys():
        return pl.DataFrame(schema={TIME: pl.Datetime("us", "UTC")}), TIME
    kept = [*wanted, *([ROW] if ROW in known.columns else [])]
    frame = pl.read_parquet(opened.artifacts.path(known.digest))
    name = known.time_column
    if name is None or not frame.schema[name].is_temporal() or name in wanted:
        return frame.select(kept).with_columns(pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(TIME)), TIME
    time = pl.col(name).cast(pl.Datetime("us"))
    if getattr(frame.schema[name], "time_zone", None) is not None:
        time = pl.col(name).dt.convert_time_zone("UTC").dt.cast_time_unit("us").dt.replace_time_zone(None)
    return frame.select(*kept, time.dt.replace_time_zone("UTC").alias(name)).sort(
        name, maintain_order=True
    ), name


def _not_yet(new: pl.DataFrame, old: pl.DataFrame, time_column: str) -> pl.DataFrame:
    import polars as pl

    foreign = old
    if ROW in old.columns:
        new = new.filter(~pl.col(ROW).is_in(old[ROW].drop_nulls().to_list()))
        foreign = old.filter(pl.col(ROW).is_null())
    last = foreign[time_column].max()
    return new if last is None else new.filter(pl.col(time_column) > last)


def recipe_of(version: VersionInfo, given: dict[str, Any] | None) -> Recipe:
    """The recipe that is given, else the version's.

    Raises:
        PreconditionError: the version was not trained by one.

    """
    from tidegate.training.recipes import Recipe

    if given is not None:
        return Recipe.from_json(given)
    try:
        return Recipe.from_json(version.manifest["recipe"])
    except InvalidInputError as error:
        raise PreconditionError(
            f"version {version.version} of {version.model} was not trained by a recipe; give one: "
            "tidegate retrain ENDPOINT --recipe FILE"
        ) from error
