"""The prediction, label and drift logs of an endpoint as frames, sealed and growing files alike."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path

import polars as pl
import structlog

from tidegate.errors import InvalidInputError, UnavailableError
from tidegate.monitoring.segments import SEALED, growing, read_growing

log = structlog.get_logger()

TIME = pl.Datetime("us", "UTC")
PREDICTIONS: dict[str, pl.DataType] = {
    "prediction_id": pl.String(),
    "row": pl.UInt32(),
    "role": pl.String(),
    "model": pl.String(),
    "version": pl.String(),
    "variant": pl.String(),
    "route": pl.String(),
    "sticky": pl.Boolean(),
    "generation": pl.UInt64(),
    "client_id": pl.String(),
    "principal": pl.String(),
    "key": pl.String(),
    "event_time": TIME,
    "received_at": TIME,
    "score": pl.Float64(),
    "gap": pl.UInt64(),
    "sample": pl.Float64(),
}
"""The columns of every prediction log; ``input.*``, ``context.*``, ``output.*`` follow the contract.

``sample`` is the share of requests that were logged when the row was; null, as 1, in logs of older releases.
"""
LABELS: dict[str, pl.DataType] = {
    "prediction_id": pl.String(),
    "row": pl.UInt32(),
    "label": pl.Float64(),
    "event_id": pl.String(),
    "observed_at": TIME,
    "received_at": TIME,
    "principal": pl.String(),
}
PANES: dict[str, pl.DataType] = {
    "variant": pl.String(),
    "version": pl.String(),
    "shadow": pl.Boolean(),
    "pane": pl.UInt64(),
    "begin": TIME,
    "end": TIME,
    "rows": pl.UInt64(),
    "feature": pl.String(),
    "role": pl.String(),
    "missing": pl.UInt64(),
    "nonfinite": pl.UInt64(),
    "bins": pl.List(pl.UInt64()),
}
"""The columns of every drift log, one row per pane and feature."""
_TRIES = 10
Times = tuple[datetime | None, datetime | None]
"""Event times from the first on and before the last; None has no bound."""


def predictions(
    home: Path, endpoint: str, since: datetime | None = None, until: datetime | None = None
) -> pl.LazyFrame:
    """The rows that were scored, with event times in [since, until).

    ``role`` is ``answer``, ``shadow``, or ``mirror``: of a version that answers other requests. A shadow's or
    mirror's row has the prediction id and row number of the answer that it shadows, and null inputs.
    """
    since, until = _utc(since, "since"), _utc(until, "until")
    frame = _spool(home / "predictions", endpoint, PREDICTIONS, (since, until))
    if since is not None:
        frame = frame.filter(pl.col("event_time") >= since)
    if until is not None:
        frame = frame.filter(pl.col("event_time") < until)
    return frame


def gap(home: Path, endpoint: str) -> int:
    """How many rows the endpoint's log lacks because its ring was full."""
    total = predictions(home, endpoint).select(pl.col("gap").sum()).collect().item()
    return int(total or 0)


def sample(home: Path, endpoint: str) -> float:
    """The smallest share of requests that was logged; 1 where none was left out on purpose."""
    frame = predictions(home, endpoint)
    if "sample" not in frame.collect_schema().names():
        return 1.0
    share = frame.select(pl.col("sample").min()).collect().item()
    return 1.0 if share is None else float(share)


def labels(
    home: Path, endpoint: str, ids: tuple[str, str] | None = None, until: datetime | None = None
) -> pl.LazyFrame:
    """One label per (prediction_id, row); with ``ids`` of the predictions from the first to the last alone.

    With ``until``, what was observed later is not known yet; a label without ``observed_at`` is.

    A label that comes twice under one event id counts once, as it came first. Of several events for one row
    the one observed last counts (``observed_at``, else the time it was received), among equals the one
    received last: a correction is a new event.
    """
    observed = pl.coalesce("observed_at", "received_at")
    frame = _spool(home / "labels", endpoint, LABELS)
    if until is not None:
        late = pl.col("observed_at") > _utc(until, "until")
        frame = frame.filter(~late.fill_null(value=False))
    if ids is not None:
        frame = frame.filter(pl.col("prediction_id").is_between(pl.lit(ids[0]), pl.lit(ids[1])))
    return (
        frame.sort("received_at", maintain_order=True)
        .unique("event_id", keep="first", maintain_order=True)
        .sort(observed, maintain_order=True)
        .unique(["prediction_id", "row"], keep="last", maintain_order=True)
    )


def panes(home: Path, endpoint: str) -> pl.LazyFrame:
    """The closed drift panes of every variant, one row per feature, in event order."""
    return _spool(home / "drift", endpoint, PANES).sort("begin", "end", maintain_order=True)


def labelled(scored: pl.LazyFrame, labels: pl.LazyFrame) -> pl.LazyFrame:
    """The scored rows with ``label`` and ``observed_at``, null until one comes; shadows as their answers."""
    return scored.join(
        labels.select("prediction_id", "row", "label", "observed_at"),
        on=["prediction_id", "row"],
        how="left",
        maintain_order="left",
    )


def rows_of(home: Path, endpoint: str, variant: str, *, shadow: bool = False) -> pl.LazyFrame:
    """The rows that a variant (a digest) scored, with their inputs; a shadow's come from the answer."""
    scored = predictions(home, endpoint)
    mine = scored.filter(pl.col("variant") == variant, pl.col("role") == ("shadow" if shadow else "answer"))
    if not shadow:
        return mine
    inputs = pl.selectors.starts_with("input.")
    answers = scored.filter(pl.col("role") == "answer").select("prediction_id", "row", inputs)
    return mine.drop(inputs).join(answers, on=["prediction_id", "row"], how="left", maintain_order="left")


def _spool(
    spool: Path, endpoint: str, schema: dict[str, pl.DataType], times: Times = (None, None)
) -> pl.LazyFrame:
    """All files of an endpoint's folder, oldest first within a writer; retried while a sealing moves them."""
    if not endpoint or endpoint in {".", ".."} or "/" in endpoint:
        raise InvalidInputError(f"{endpoint!r} is no name of an endpoint")
    for _ in range(_TRIES):
        try:
            return _read(spool / endpoint, schema, times)
        except FileNotFoundError:
            continue
    raise UnavailableError(f"the log of endpoint {endpoint!r} changes faster than it can be read")


def _read(folder: Path, schema: dict[str, pl.DataType], times: Times) -> pl.LazyFrame:
    frames = [pl.LazyFrame(schema=schema)]
    # First what grows, then what is sealed: a segment that is sealed in between is seen twice, never missed.
    segments = {segment.path: _whole(segment.path) for segment in growing(folder)}
    sealed = sorted(folder.glob(f"*{SEALED}"))
    frames += [pl.scan_parquet(path) for path in sealed if times == (None, None) or _overlaps(path, times)]
    twins = {path.stem for path in sealed}
    frames += [
        frame.lazy() for path, frame in segments.items() if frame is not None and path.stem not in twins
    ]
    return pl.concat(frames, how="diagonal_relaxed")


def _overlaps(path: Path, times: Times) -> bool:
    """Whether a sealed file may have rows with event times in [since, until)."""
    found = path.stat()
    first, last = _span(path, found.st_size, found.st_mtime_ns)
    since, until = times
    if first is None or last is None:
        return True
    return (since is None or last >= since) and (until is None or first < until)


@lru_cache(maxsize=1 << 16)
def _span(path: Path, size: int, changed: int) -> Times:
    """The first and last event time of a sealed file; it does not change, so it is read once."""
    del size, changed
    time = pl.col("event_time")
    first, last = pl.scan_parquet(path).select(first=time.min(), last=time.max()).collect().row(0)
    return first, last


def _whole(path: Path) -> pl.DataFrame | None:
    try:
        return read_growing(path)[0]
    except InvalidInputError:
        log.exception("a damaged segment is left out", file=str(path))
        return None


def _utc(time: datetime | None, name: str) -> datetime | None:
    if time is not None and time.tzinfo is None:
        raise InvalidInputError(f"{name} must carry a time zone")
    return time
