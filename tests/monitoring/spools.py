"""Writes spool segments as the scoring process does."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.monitoring.logs import LABELS, PREDICTIONS

START = datetime(2013, 3, 1, tzinfo=UTC)
DEAD = 2**22 + 1
"""A process number beyond Linux's largest."""


def segment(
    folder: Path, rows: list[dict[str, Any]], *, pid: int = 0, number: int = 0, torn: int = 0
) -> Path:
    """A growing segment of these rows and ``torn`` bytes of one more batch, by this process or ``pid``."""
    schema = PREDICTIONS if folder.parent.name == "predictions" else LABELS
    inputs = {name: pl.Float32() for row in rows for name in row if name.startswith("input.")}
    frame = pl.DataFrame(rows, schema={**schema, **inputs})
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
    whole = buffer.getvalue().removesuffix(b"\xff\xff\xff\xff\0\0\0\0")  # it is still growing
    empty = io.BytesIO()
    frame.clear().write_ipc_stream(empty, compat_level=pl.CompatLevel.oldest())
    batch = whole[len(empty.getvalue()) - 8 :]
    path = folder / f"20130301T0000{number:02}-{pid or os.getpid()}-{number}.arrows"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole + batch[:torn])
    return path


def scored(
    prediction: str,
    row: int = 0,
    *,
    version: str = "1",
    score: float | None = 0.5,
    minutes: float = 0.0,
    **more: Any,
) -> dict[str, Any]:
    """A row of the prediction log."""
    return {
        "prediction_id": prediction,
        "row": row,
        "role": "answer",
        "model": "m",
        "version": version,
        "variant": f"sha256:{version}",
        "route": "weight",
        "sticky": False,
        "generation": 1,
        "principal": "local",
        "event_time": START + timedelta(minutes=minutes),
        "received_at": START,
        "score": score,
        "gap": 0,
        **more,
    }


def label(
    prediction: str,
    value: float,
    *,
    row: int = 0,
    event: str | None = None,
    observed: float | None = None,
    received: float = 0.0,
) -> dict[str, Any]:
    """A row of the label log; times in minutes."""
    return {
        "prediction_id": prediction,
        "row": row,
        "label": value,
        "event_id": event or f"{prediction}/{row}",
        "observed_at": None if observed is None else START + timedelta(minutes=observed),
        "received_at": START + timedelta(minutes=received),
        "principal": "local",
    }
