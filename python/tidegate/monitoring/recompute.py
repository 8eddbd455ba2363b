"""Drift figures a second time, from the prediction log with numpy alone, beside the counters' own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError
from tidegate.types import Contract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tidegate._native import Counters


@dataclass(frozen=True)
class _Live:
    """The live values of a feature: the present ones (numbers ascending), and how many are missing."""

    values: NDArray[Any]
    missing: int

    @property
    def rows(self) -> int:
        return len(self.values) + self.missing


def recompute(
    profile: bytes, counted: Counters, scored: pl.DataFrame, contract: Contract
) -> list[dict[str, Any]]:
    """Cells, PSI and KS of every feature, from logged rows, beside the counters' own.

    Args:
        profile: the variant's reference profile (Arrow IPC file).
        counted: the variant's counters (:func:`tidegate.monitoring.drift.counters`).
        scored: the variant's rows (:func:`tidegate.monitoring.logs.rows_of`).
        contract: the endpoint's contract, for its missing tokens.

    Returns:
        One row per feature of the profile: ``rows``, ``missing``, ``psi``, ``ks_numerator`` and ``ks``, each
        with ``counted`` and ``recomputed``; then ``rows_difference``, ``cells_differing``,
        ``psi_difference``, ``ks_numerator_difference`` (an integer), ``ks_scipy_difference`` (None without
        scipy or values).

    Raises:
        InvalidInputError: the log lacks a feature of the profile.

    """
    statistics = {(row["feature"], row["role"]): row for row in counted.statistics()}
    tokens = {column: spec.missing for spec in contract.inputs for column in spec.columns}
    rows = []
    for feature in pl.read_ipc(io.BytesIO(profile)).iter_rows(named=True):
        name, role = feature["name"], feature["role"]
        column = "score" if role == "score" else f"input.{name}"
        if column not in scored.columns:
            raise InvalidInputError(f"the log has no column {column!r} of the profile's feature {name!r}")
        numeric = feature["kind"] == "numeric"
        live = _numbers(scored[column]) if numeric else _texts(scored[column], tokens.get(name))
        again = _numeric(feature, live) if numeric else _categorical(feature, live)
        cells = counted.cells(name, role=role)
        rows.append(_beside(dict(statistics[name, role]), again, live, cells))
    return rows


def largest(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The largest differences over all features: what a report shows in one line."""

    def most(name: str) -> Any:
        return max((abs(row[name]) for row in rows if row[name] is not None), default=None)

    names = (
        "rows_difference",
        "cells_differing",
        "psi_difference",
        "ks_numerator_difference",
        "ks_scipy_difference",
    )
    return {"features": len(rows)} | {name: most(name) for name in names}


def _numbers(column: pl.Series) -> _Live:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    present = np.sort(values[~np.isnan(values)])
    return _Live(present, len(values) - len(present))


def _texts(column: pl.Series, token: str | None) -> _Live:
    absent = {None, token, token.encode() if token is not None else None}
    values = [value for value in column.to_list() if value not in absent]
    texts = [value if isinstance(value, bytes) else value.encode() for value in values]
    return _Live(np.array(texts, dtype=np.object_), len(column) - len(texts))


def _numeric(feature: dict[str, Any], live: _Live) -> dict[str, Any]:
    points = np.asarray(feature["points"], dtype=np.float64)
    weights = np.asarray(feature["weights"], dtype=np.int64)
    gaps = np.asarray(feature["gaps"], dtype=np.int64)
    below = np.searchsorted(points, live.values, side="left")
    equal = np.append(points, np.nan)[below] == live.values
    cells = np.bincount(2 * below + equal, minlength=2 * len(points) + 1)
    # The reference in the live cells' form: gap, point, gap, point, ..., gap.
    reference = np.zeros_like(cells)
    reference[0::2], reference[1::2] = gaps, weights
    if feature["mode"] == "discrete":
        bins = [np.append(c[1::2], c[0::2].sum()) for c in (reference, cells)]
    else:
        edges = np.asarray(feature["edges"], dtype=np.float64)
        bins = [
            _reference_bins(points, weights, gaps, edges),
            np.bincount(np.searchsorted(edges, live.values, side="left"), minlength=len(edges) + 1),
        ]
    numerator = _ks_numerator(points, reference, live.values)
    whole = not gaps.any()
    return {
        "cells": cells,
        "psi": _psi(*bins),
        "ks_numerator": numerator,
        "ks_denominator": int(reference.sum()) * len(live.values),
        "ks_scipy": _scipy_ks(np.repeat(points, weights), live.values) if whole else None,
    }


def _reference_bins(
    points: NDArray[Any], weights: NDArray[Any], gaps: NDArray[Any], edges: NDArray[Any]
) -> NDArray[Any]:
    """Reference rows per bin (closed on the right). Edges are points: a gap lies in its next point's bin."""
    bins = np.zeros(len(edges) + 1, dtype=np.int64)
    of_point = np.searchsorted(edges, points, side="left")
    np.add.at(bins, of_point, weights + gaps[:-1])
    bins[-1] += gaps[-1]
    return bins


def _categorical(feature: dict[str, Any], live: _Live) -> dict[str, Any]:
    own = {bytes(category): index for index, category in enumerate(feature["categories"])}
    rare = {bytes(category) for category in feature["rare"]}
    index = [own.get(value, len(own) + (value not in rare)) for value in live.values]
    cells = np.bincount(np.asarray(index, dtype=np.int64), minlength=len(own) + 2)
    reference = np.array([*feature["counts"], feature["rare_count"], 0])
    return {"cells": cells, "psi": _psi(reference, cells)}


def _psi(reference: NDArray[Any], live: NDArray[Any]) -> float | None:
    """Population stability index with Jeffreys smoothing, over the bins that are not empty on both sides."""
    if not reference.sum() or not live.sum():
        return None
    used = (reference > 0) | (live > 0)
    r, c = reference[used] + 0.5, live[used] + 0.5
    p, q = r / r.sum(), c / c.sum()
    return float(((p - q) * np.log(p / q)).sum())


def _ks_numerator(points: NDArray[np.float64], reference: NDArray[Any], values: NDArray[np.float64]) -> int:
    """The largest |L m - R n| at and just below the reference points, in integers."""
    n, m = len(values), int(reference.sum())
    exact: Any = np.int64 if n * m < 2**62 else np.object_
    total = np.cumsum(reference)
    largest_seen = 0
    for reached, steps in (
        (np.searchsorted(values, points, side="left"), total[0::2][:-1]),
        (np.searchsorted(values, points, side="right"), total[1::2]),
    ):
        apart = np.abs(reached.astype(exact) * m - steps.astype(exact) * n)
        largest_seen = max(largest_seen, int(apart.max(initial=0)))
    return largest_seen


def _scipy_ks(reference: NDArray[np.float64], live: NDArray[np.float64]) -> float | None:
    try:
        from scipy.stats import ks_2samp
    except ImportError:
        return None
    if not len(live) or not len(reference):
        return None
    # One-sided twice: the two-sided p-value, which nobody asks for, takes longer than all the rest.
    sides = (ks_2samp(reference, live, side, method="asymp").statistic for side in ("less", "greater"))
    return float(max(sides))


def _beside(
    counted: dict[str, Any], again: dict[str, Any], live: _Live, cells: NDArray[np.uint64]
) -> dict[str, Any]:
    numerator, denominator = counted["ks_numerator"], counted["ks_denominator"]
    row = {
        "feature": counted["feature"],
        "role": counted["role"],
        "kind": counted["kind"],
        "rows": {"counted": counted["rows"], "recomputed": live.rows},
        "missing": {"counted": counted["missing"], "recomputed": live.missing},
        "psi": {"counted": counted["psi"], "recomputed": again["psi"]},
        "ks_numerator": {"counted": numerator, "recomputed": again.get("ks_numerator")},
        "ks": {"counted": counted["ks"], "recomputed": again.get("ks_scipy")},
        "rows_difference": abs(counted["rows"] - live.rows) + abs(counted["missing"] - live.missing),
        "cells_differing": int((cells.astype(np.int64) != again["cells"]).sum()),
        "psi_difference": _apart(counted["psi"], again["psi"]),
        "ks_numerator_difference": None,
        "ks_scipy_difference": _apart(counted["ks"], again.get("ks_scipy")),
    }
    if numerator is not None:
        # Both over one denominator; a different number of rows shows in rows_difference.
        scale = 0 if denominator == again["ks_denominator"] else abs(denominator - again["ks_denominator"])
        row["ks_numerator_difference"] = abs(numerator - again["ks_numerator"]) + scale
    return row


def _apart(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else abs(left - right)
