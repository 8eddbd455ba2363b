"""Streams: what is watched of a feature, its values and its missing against present rows, pane by pane."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Key = tuple[str, str, str]
"""Role, feature, and ``values`` or ``missing``."""


@dataclass(frozen=True)
class Stream:
    """The reference's rows per bin ``[bins]`` (u64) and those of each closed pane ``[panes, bins]``."""

    feature: str
    role: Literal["input", "score"]
    name: Literal["values", "missing"]
    urn: Literal["gap", "count"]
    reference: NDArray[np.uint64]
    panes: NDArray[np.uint64]
    begins: list[datetime]
    """The first event time of each pane; the panes are in this order."""
    ends: list[datetime]

    @property
    def key(self) -> Key:
        """What names it within a variant."""
        return self.role, self.feature, self.name

    def window(self, check: int, length: int) -> NDArray[np.uint64]:
        """Rows per bin of the ``length`` panes that end with the check's own."""
        found: NDArray[np.uint64] = self.panes[check + 1 - length : check + 1].sum(axis=0, dtype=np.uint64)
        return found


def streams(profile: bytes, panes: pl.DataFrame) -> list[Stream]:
    """The streams of one variant that have a reference.

    Args:
        profile: the variant's reference profile (Arrow IPC file).
        panes: the variant's rows of :func:`tidegate.monitoring.logs.panes`, in event order.

    Raises:
        InvalidInputError: a pane's bins are not the profile's.

    """
    from tidegate._native import Counters, ReferenceProfile

    reference = ReferenceProfile.from_bytes(profile)
    empty = Counters(reference)
    parts = panes.partition_by("role", "feature", as_dict=True, maintain_order=True)
    found = []
    for feature in reference.features():
        name, role = feature["name"], feature["role"]
        mine = parts.get((role, name), panes.clear())
        times = mine["begin"].to_list(), mine["end"].to_list()
        binned = empty.bins(name, role=role)[0]
        values = _bins(mine, name, len(binned))
        missing = np.column_stack([mine["missing"].to_numpy(), values.sum(axis=1)]).astype(np.uint64)
        known = np.array([feature["missing"], feature["rows"] - feature["missing"]], dtype=np.uint64)
        found.append(Stream(name, role, "values", feature["urn"], binned, values, *times))
        found.append(Stream(name, role, "missing", "count", known, missing, *times))
    return [stream for stream in found if stream.reference.sum()]


def _bins(panes: pl.DataFrame, feature: str, bins: int) -> NDArray[np.uint64]:
    """The panes' rows per bin ``[panes, bins]``."""
    if (panes["bins"].list.len() != bins).any():
        raise InvalidInputError(
            f"the panes of feature {feature!r} do not have the {bins} bins of its profile"
        )
    if not panes.height:
        return np.zeros((0, bins), dtype=np.uint64)
    return panes["bins"].explode().to_numpy().astype(np.uint64).reshape(panes.height, bins)
