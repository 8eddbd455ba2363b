"""Baseline replay: how much the reference's rows depend on their neighbours in time, and whether it changes.

The reference is cut into panes as production's rows are. From these comes each stream's design effect; after
it is divided out, every window of the reference is judged against the rest of the reference, as live rows are
against all of it. An alarm there means that the reference is no one thing that rows could depart from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.monitoring.incidents import WINDOWS, window_evidence
from tidegate.monitoring.streams import Key
from tidegate.types import InputSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tidegate._native import ReferenceProfile, _Feature

LEAST_PANES = 30
"""Panes of the reference below which nothing can be said."""
_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_QUARTER = 4
"""A window may have a quarter of the rows that it is judged against."""


@dataclass(frozen=True)
class Replayed:
    """What the replay says of one stream."""

    design_effect: float | None = None
    """How many dependent rows weigh as one; None when it could not be found, which ``note`` explains."""
    ln_m: float | None = None
    """The largest log evidence of a change within the reference; None where nothing could be judged."""
    note: str | None = None


def replay(
    profile: bytes, reference: pl.DataFrame, inputs: Sequence[InputSpec], pane_rows: int
) -> dict[Key, Replayed]:
    """Replays the input streams; scores can't be, since the profile's are of other rows.

    Args:
        profile: the reference profile (Arrow IPC file).
        reference: the rows it was made of, in time order.
        inputs: what the model takes.
        pane_rows: the rows of a pane in production.

    Returns:
        An entry for every stream of a feature of the profile that ``inputs`` name. With fewer than 30 panes,
        and where the feature's rows, missing rows or rows per bin are not the profile's, it has only a note.

    """
    from tidegate._native import Counters, ReferenceProfile

    known = ReferenceProfile.from_bytes(profile)
    empty = Counters(known)
    features = {found["name"]: found for found in known.features() if found["role"] == "input"}
    found: dict[Key, Replayed] = {}
    for spec in inputs:
        for name in spec.columns:
            if name not in features:
                continue
            streams = [("input", name, stream) for stream in ("values", "missing")]
            if name not in reference.columns:
                absent = f"the registered dataset has no column {name!r}"
                found |= dict.fromkeys(streams, Replayed(note=absent))
                continue
            place = places(known, reference[name], spec)
            note = _mismatch(features[name], empty.bins(name)[0], place)
            bins = features[name]["bins"]
            for stream, cells, count in zip(
                streams, (place, (place >= 0).astype(int)), (bins, 2), strict=True
            ):
                panes = cut(cells, count, pane_rows)
                found[stream] = Replayed(note=note) if note else _replayed(panes, pane_rows)
    return found


def places(profile: ReferenceProfile, column: pl.Series, spec: InputSpec) -> NDArray[np.int64]:
    """The bin of each value of an input feature, as the scorer counts it, -1 where missing ``[rows]``."""
    feature = next(
        found for found in profile.features() if (found["role"], found["name"]) == ("input", column.name)
    )
    if feature["kind"] == "categorical":
        return _categorical(profile, column, spec)
    return _numeric(profile, column, spec, discrete=feature["mode"] == "discrete")


def numbers(column: pl.Series, spec: InputSpec) -> NDArray[np.float64]:
    """A numeric column as the scorer receives it, NaN where it is missing ``[rows]``."""
    single = spec.datatype in {"FP16", "FP32"}
    cast = column.cast(pl.Float32 if single else pl.Float64, strict=False)
    return cast.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def cut(place: NDArray[Any], bins: int, pane_rows: int) -> NDArray[np.uint64]:
    """Rows per pane and bin ``[panes, bins]`` of rows in time order; a rest that fills none is left out."""
    whole = len(place) // pane_rows
    kept = place[: whole * pane_rows]
    pane = np.arange(len(kept)) // pane_rows
    cells = (pane * bins + kept)[kept >= 0]
    return np.bincount(cells, minlength=whole * bins).reshape(whole, bins).astype(np.uint64)


def change(panes: NDArray[np.uint64], effect: float) -> float | None:
    """The largest log evidence, over all checks, that a trailing window of the reference is unlike the rest.

    The bins follow from all of the reference, so that given their rows each order of the rows is as likely as
    another: out of the count urn of the rest the window's sequence then has exactly the urn's probability,
    for continuous values too, and the e-value's mean is at most 1.
    """
    whole = panes.sum(axis=0, dtype=np.uint64)
    before = np.vstack([np.zeros_like(whole), panes.cumsum(axis=0, dtype=np.uint64)])
    sums = np.full(len(panes), -math.inf)
    for length in _LENGTHS:
        if length * (_QUARTER + 1) > len(panes):
            break
        for check in range(length - 1, len(panes)):
            window = before[check + 1] - before[check + 1 - length]
            ln_e = window_evidence(whole - window, window, "count", effect)
            sums[check] = np.logaddexp(sums[check], ln_e)
    largest = float(sums.max(initial=-math.inf)) - math.log(WINDOWS)
    return largest if math.isfinite(largest) else None


def _replayed(panes: NDArray[np.uint64], pane_rows: int) -> Replayed:
    from tidegate._native import design_effect

    effect = design_effect(panes)
    if effect is None:
        return Replayed(note=f"the reference has fewer than {LEAST_PANES} panes of {pane_rows} rows")
    several = np.count_nonzero(panes.sum(axis=0)) > 1
    return Replayed(effect, change(panes, effect) if several else None)


def _mismatch(feature: _Feature, binned: NDArray[np.uint64], place: NDArray[Any]) -> str | None:
    """Why the profile can't have been made of these rows; None when rows, missing and bins are the same."""
    missing = int((place < 0).sum())
    rows = np.bincount(place[place >= 0], minlength=len(binned))
    same = (len(place), missing) == (feature["rows"], feature["missing"])
    if same and rows.tolist() == binned.tolist():
        return None
    return f"feature {feature['name']!r} of the registered dataset is not what the profile was made of"


def _numeric(
    profile: ReferenceProfile, column: pl.Series, spec: InputSpec, *, discrete: bool
) -> NDArray[Any]:
    values = numbers(column, spec)
    if discrete:
        points = profile.points(column.name)
        below = np.searchsorted(points, values, side="left")
        place = np.where(np.append(points, np.nan)[below] == values, below, len(points))
    else:
        place = np.searchsorted(profile.edges(column.name), values, side="left")
    return np.where(np.isnan(values), -1, place)


def _categorical(profile: ReferenceProfile, column: pl.Series, spec: InputSpec) -> NDArray[Any]:
    own = {category: at for at, category in enumerate(profile.categories(column.name)[0])}
    texts = column.cast(pl.String).to_list()
    absent = {None, spec.missing}
    return np.array([-1 if text in absent else own.get(text.encode(), len(own)) for text in texts], dtype=int)
