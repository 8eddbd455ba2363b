"""What drift says of an endpoint's versions, out of panes, profiles and references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tidegate.installation.opened import OpenHome
from tidegate.types import Contract

if TYPE_CHECKING:
    import polars as pl

    from tidegate.monitoring.baseline import Replayed
    from tidegate.monitoring.streams import Key


def verdicts(opened: OpenHome, endpoint: str) -> list[dict[str, Any]]:
    """The verdicts of :func:`tidegate.monitoring.alarms.report` on all closed panes of the endpoint."""
    from tidegate.monitoring import alarms, logs

    panes = logs.panes(opened.home.root, endpoint).collect()
    found = profiles(opened, panes["variant"].unique())
    replays = {digest: _replayed(opened, digest, profile) for digest, profile in found.items()}
    return alarms.report(panes, found, replays)


def profiles(opened: OpenHome, digests: Iterable[str]) -> dict[str, bytes]:
    """The reference profiles of these versions, by the version's digest."""
    found = {}
    for digest in digests:
        profile = opened.registry.versions.by_digest(digest).manifest["profile"]
        if profile is not None:
            found[digest] = opened.artifacts.get(profile)
    return found


def _replayed(opened: OpenHome, digest: str, profile: bytes) -> dict[Key, Replayed]:
    """The replay of a version's reference; empty when its dataset has no registered time column."""
    import polars as pl

    from tidegate.monitoring.baseline import replay
    from tidegate.monitoring.replays import kept

    manifest = opened.registry.versions.by_digest(digest).manifest
    if manifest["dataset"] is None:
        return {}
    dataset = opened.registry.datasets.by_digest(manifest["dataset"])
    time = dataset.time_column
    if time is None:
        return {}
    inputs = Contract.model_validate(manifest["contract"]).inputs
    pane_rows = opened.settings.pane_rows

    def work_out() -> dict[Key, Replayed]:
        rows = learnt_from(pl.scan_parquet(opened.artifacts.path(dataset.digest)), manifest["recipe"])
        wanted = {column for spec in inputs for column in spec.columns} & set(rows.collect_schema().names())
        ordered = rows.sort(time, maintain_order=True).select(sorted(wanted)).collect()
        return replay(profile, ordered, inputs, pane_rows)

    of = {
        "profile": manifest["profile"],
        "dataset": dataset.digest,
        "time_column": time,
        "inputs": [spec.to_json() for spec in inputs],
        "pane_rows": pane_rows,
        "weight_column": manifest["recipe"].get("weight_column"),
    }
    return kept(opened.home.drift, of, work_out)


def learnt_from(rows: pl.LazyFrame, recipe: Mapping[str, Any]) -> pl.LazyFrame:
    """The rows of a version's dataset that its profile is made of: with a weight in the fit, or held out."""
    import polars as pl

    weight, split = recipe.get("weight_column"), recipe.get("split_column")
    names = rows.collect_schema().names()
    if weight not in names:
        return rows
    used = pl.col(str(weight)) > 0
    return rows.filter(used | pl.col(str(split)) if split in names else used)
