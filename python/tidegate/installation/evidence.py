"""What the logs and counters say: status, drift, performance, and where an answer came from."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import tidegate
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.installation.opened import OpenHome
from tidegate.installation.quarantine import listed
from tidegate.installation.verdicts import profiles
from tidegate.installation.verdicts import verdicts as alarm_verdicts
from tidegate.store.canonical import timestamp

if TYPE_CHECKING:
    import polars as pl

PERIODS = {"month": "1mo", "week": "1w", "day": "1d"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN = ("model", "version", "variant", "route", "sticky", "generation", "client_id", "principal", "key")


def status(opened: OpenHome) -> dict[str, Any]:
    """Versions, counts of what is registered, the deployment, and the scoring process's own account."""
    registry, serving = opened.registry, opened.serving
    return {
        "tidegate": tidegate.__version__,
        "home": str(opened.home.root),
        "generation": registry.deployments.generation(),
        "models": [model.name for model in registry.models.all()],
        "endpoints": [endpoint.name for endpoint in registry.endpoints.all()],
        "quarantined": listed(opened),
        "server": None if serving is None else serving.about(),
        "scoring": None if serving is None else serving.status(),
    }


def drift(opened: OpenHome, endpoint: str, since: str | None, *, keep: bool) -> dict[str, Any]:
    """A drift report; see :meth:`tidegate.Installation.drift`."""
    import polars as pl

    from tidegate.monitoring import drift as monitor

    found = opened.registry.endpoints.get(endpoint)
    counts = _counts(opened, found.name)
    verdicts = alarm_verdicts(opened, found.name)
    report: dict[str, Any] = {
        "endpoint": found.name,
        "alpha": monitor.ALPHA,
        "since": since,
        "alarms": verdicts,
    }
    if counts is None:
        return report | {"snapshot": None, "versions": [], "features": []}
    snapshot = opened.artifacts.put(counts) if keep else None
    start = None if since is None else opened.artifacts.get(since)
    digests = pl.read_ipc_stream(io.BytesIO(counts), columns=["variant"])["variant"].unique()
    features = monitor.report(counts, profiles(opened, digests), start)
    return report | {"snapshot": snapshot, "versions": _by_version(features, verdicts), "features": features}


def performance(opened: OpenHome, endpoint: str, by: str) -> dict[str, Any]:
    """Figures by period and version; see :meth:`tidegate.Installation.performance`."""
    from tidegate.monitoring import logs
    from tidegate.monitoring.performance import performance as figures

    if by not in PERIODS:
        raise InvalidInputError(f"there is no period {by!r}; expected {', '.join(PERIODS)}")
    found = opened.registry.endpoints.get(endpoint)
    root = opened.home.root
    rows = figures(
        logs.labelled(logs.predictions(root, found.name), logs.labels(root, found.name)),
        every=PERIODS[by],
        threshold=found.contract.threshold,
    )
    return {
        "endpoint": found.name,
        "by": by,
        "threshold": found.contract.threshold,
        "log_gap": logs.gap(root, found.name),
        "log_sample": logs.sample(root, found.name),
        "periods": rows,
    }


def lineage(opened: OpenHome, prediction_id: str) -> dict[str, Any]:
    """A logged prediction explained; see :meth:`tidegate.Installation.lineage`."""
    import polars as pl

    from tidegate.monitoring import logs

    if not _UUID.fullmatch(prediction_id):
        raise InvalidInputError(f"not a prediction id: {prediction_id!r}; expected a UUID in lower case")
    root = opened.home.root
    for endpoint in opened.registry.endpoints.all():
        mine = logs.predictions(root, endpoint.name).filter(pl.col("prediction_id") == prediction_id)
        rows = logs.labelled(mine, logs.labels(root, endpoint.name)).sort("row").collect()
        answers = rows.filter(pl.col("role") == "answer")
        if answers.height:
            told = opened.graph.explain_prediction(_prediction(endpoint.name, answers, rows))
            received = timestamp(answers["received_at"].item(0))
            moment = max(received, told["plan"]["created_at"])
            return told | {"then": opened.graph.version_at(told["prediction"]["variant"], moment)}
    raise NotFoundError(
        f"no log has prediction {prediction_id}; an answer is written up to a second after it was given"
    )


def _prediction(endpoint: str, answers: pl.DataFrame, rows: pl.DataFrame) -> dict[str, Any]:
    first = answers.row(0, named=True)
    shadows = rows.filter(rows["role"] == "shadow")["version"].unique(maintain_order=True)
    return {
        "prediction_id": first["prediction_id"],
        "endpoint": endpoint,
        **{name: first[name] for name in _SHOWN},
        "event_time": first["event_time"].isoformat(),
        "received_at": first["received_at"].isoformat(),
        "rows": [
            {"row": row["row"], "score": row["score"], "label": row["label"]}
            for row in answers.iter_rows(named=True)
        ],
        "shadows": shadows.to_list(),
    }


def _counts(opened: OpenHome, endpoint: str) -> bytes | None:
    """Counts from the scoring process, or those that it left on the disk; None before there are any."""
    if opened.serving is not None:
        try:
            return opened.serving.counts(endpoint)
        except NotFoundError:
            return None
    path = opened.home.drift / endpoint / "counts.arrow"
    return path.read_bytes() if path.is_file() else None


def _by_version(
    features: Iterable[dict[str, Any]], verdicts: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Per version and role in the plan: rows, and the names of what drifted and of what is in alarm."""
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    for row in features:
        entry = found.setdefault(
            (row["version"], row["shadow"]),
            {"version": row["version"], "shadow": row["shadow"], "rows": 0, "drifted": [], "alarms": []},
        )
        entry["rows"] = max(entry["rows"], row["rows"])
        if row["drifted"]:
            entry["drifted"].append(row["feature"])
    for verdict in verdicts:
        named = found.get((verdict["version"], verdict["shadow"]))
        if named is not None and verdict["evidence"] == "ALARM" and verdict["feature"] not in named["alarms"]:
            named["alarms"].append(verdict["feature"])
    return list(found.values())
