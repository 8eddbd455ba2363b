"""The control of drift alarms: the same rows in an order that no drift can have, which must stay silent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError
from tidegate.monitoring.alarms import ALPHA, CHECKS, unjudged
from tidegate.monitoring.baseline import Replayed, numbers, replay
from tidegate.monitoring.logs import PANES
from tidegate.monitoring.streams import streams
from tidegate.types import InputSpec

if TYPE_CHECKING:
    from tidegate._native import ReferenceProfile


def shuffled_control(
    rows: pl.DataFrame, inputs: Sequence[InputSpec], pane_rows: int, seed: int, *, reference_rows: int
) -> dict[str, Any]:
    """The loudest check of :func:`loudest` when reference and live rows are shuffled together.

    After that there is nothing to find: what alarms is a false alarm, and the chance of any is at most 1 % in
    1000 checks.

    Args:
        rows: reference and live rows together, in any order.
        inputs: what the model takes.
        pane_rows: the rows of a pane in production.
        seed: of the order.
        reference_rows: how many rows the reference had; as many are taken as one.

    """
    order = np.random.default_rng(seed).permutation(rows.height)
    return loudest(rows[order[:reference_rows]], rows[order[reference_rows:]], inputs, pane_rows)


def loudest(
    reference: pl.DataFrame, live: pl.DataFrame, inputs: Sequence[InputSpec], pane_rows: int
) -> dict[str, Any]:
    """Judges live rows by a reference as production does, both in time order, and names the loudest check.

    Returns:
        ``streams`` that have a reference of two bins and an alarm by it, ``checks`` of each (one a pane),
        ``alarms``, how many streams were in alarm at any check, ``largest`` log evidence of any check (None
        when none could be judged) and ``ln_alarm``, that of an alarm.

    Raises:
        InvalidInputError: the reference is empty, or there are too few rows for a pane.

    """
    from tidegate._native import ReferenceProfile, ln_alarm, scan

    if not reference.height or live.height < pane_rows:
        raise InvalidInputError(
            f"a control needs a reference and a pane of {pane_rows} rows; "
            f"it has {reference.height} and {live.height} rows"
        )
    known = ReferenceProfile.from_bytes(profile := _profile(reference, inputs))
    replayed = replay(profile, reference, inputs, pane_rows)
    watched = streams(profile, _counted(known, live, inputs, pane_rows))
    limit = ln_alarm(len(watched), CHECKS, ALPHA)
    largest = []
    for stream in watched:
        found = replayed.get(stream.key, Replayed())
        if len(stream.reference) > 1 and unjudged(found, limit) is None:
            ln_m = scan(stream.reference, stream.panes, stream.urn, found.design_effect or 1.0)[0]
            largest.append(float(ln_m.max()))
    top = max(largest, default=-math.inf)
    return {
        "streams": len(largest),
        "checks": live.height // pane_rows,
        "alarms": sum(one >= limit for one in largest),
        "largest": top if math.isfinite(top) else None,
        "ln_alarm": limit,
    }


def _profile(reference: pl.DataFrame, inputs: Sequence[InputSpec]) -> bytes:
    from tidegate._native import ProfileBuilder

    builder = ProfileBuilder()
    for spec in inputs:
        for name in spec.columns:
            if spec.datatype == "BYTES":
                builder.categorical(name, _texts(reference[name], spec))
            else:
                builder.numeric(name, numbers(reference[name], spec))
    return bytes(builder.build().to_bytes())


def _counted(
    profile: ReferenceProfile, live: pl.DataFrame, inputs: Sequence[InputSpec], pane_rows: int
) -> pl.DataFrame:
    """The pane log of these rows, as the scoring process writes it."""
    from tidegate._native import Counters

    counted = Counters(profile)
    columns = {
        name: _texts(live[name], spec) if spec.datatype == "BYTES" else numbers(live[name], spec)
        for spec in inputs
        for name in spec.columns
    }
    before = {name: (0, counted.bins(name)[1]) for name in columns}
    rows = []
    for pane in range(live.height // pane_rows):
        part = slice(pane * pane_rows, (pane + 1) * pane_rows)
        for name, values in columns.items():
            if isinstance(values, list):
                counted.categorical(name, values[part])
            else:
                counted.numeric(name, values[part])
            missing, bins = counted.missing(name), counted.bins(name)[1]
            new = {"missing": missing - before[name][0], "bins": (bins - before[name][1]).tolist()}
            rows.append({"pane": pane, "role": "input", "feature": name, "rows": pane_rows, **new})
            before[name] = missing, bins
    return pl.DataFrame(rows, schema_overrides=PANES).with_columns(begin=pl.lit(None), end=pl.lit(None))


def _texts(column: pl.Series, spec: InputSpec) -> list[str | None]:
    return [None if text == spec.missing else text for text in column.cast(pl.String).to_list()]
