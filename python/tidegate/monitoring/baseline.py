"""Baseline replay: how much the reference's rows depend on their neighbours in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.types import InputSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tidegate._native import ReferenceProfile

PANE_ROWS = 1000


def design_effects(
    profile: bytes, reference: pl.DataFrame, inputs: Sequence[InputSpec], pane_rows: int = PANE_ROWS
) -> dict[tuple[str, str, str], float]:
    """The design effects of the input streams, by (role, feature, ``values`` or ``missing``).

    Args:
        profile: the reference profile (Arrow IPC file).
        reference: the rows it was made of, in time order.
        inputs: what the model takes; a column that ``reference`` lacks has no effect in the answer.
        pane_rows: the rows of a pane in production.

    Returns:
        Nothing at all with fewer than 30 panes. Scores are not replayed.

    """
    from tidegate._native import ReferenceProfile, design_effect

    known = ReferenceProfile.from_bytes(profile)
    features = {found["name"]: found for found in known.features() if found["role"] == "input"}
    effects: dict[tuple[str, str, str], float] = {}
    for spec in inputs:
        for name in spec.columns:
            if name not in features or name not in reference.columns:
                continue
            if features[name]["kind"] == "categorical":
                place = _categorical(known, name, reference[name], spec)
            else:
                place = _numeric(known, name, reference[name], spec, features[name]["mode"] == "discrete")
            streams = {"values": (place, features[name]["bins"]), "missing": ((place >= 0).astype(int), 2)}
            for stream, (bins, count) in streams.items():
                found = design_effect(_panes(bins, count, pane_rows))
                if found is not None:
                    effects["input", name, stream] = found
    return effects


def _numeric(
    profile: ReferenceProfile, name: str, column: pl.Series, spec: InputSpec, discrete: bool
) -> NDArray[Any]:
    """Each row's bin, -1 where it is missing."""
    single = spec.datatype in {"FP16", "FP32"}
    cast = column.cast(pl.Float32 if single else pl.Float64, strict=False)
    values = cast.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if discrete:
        points = profile.points(name)
        below = np.searchsorted(points, values, side="left")
        place = np.where(np.append(points, np.nan)[below] == values, below, len(points))
    else:
        place = np.searchsorted(profile.edges(name), values, side="left")
    return np.where(np.isnan(values), -1, place)


def _categorical(profile: ReferenceProfile, name: str, column: pl.Series, spec: InputSpec) -> NDArray[Any]:
    own = {category: at for at, category in enumerate(profile.categories(name)[0])}
    texts = column.cast(pl.String).to_list()
    absent = {None, spec.missing}
    return np.array([-1 if text in absent else own.get(text.encode(), len(own)) for text in texts], dtype=int)


def _panes(place: NDArray[Any], bins: int, pane_rows: int) -> NDArray[np.uint64]:
    """Rows per pane and bin; a last pane that is not full is left out."""
    whole = len(place) // pane_rows
    kept = place[: whole * pane_rows]
    pane = np.arange(len(kept)) // pane_rows
    cells = (pane * bins + kept)[kept >= 0]
    return np.bincount(cells, minlength=whole * bins).reshape(whole, bins).astype(np.uint64)
