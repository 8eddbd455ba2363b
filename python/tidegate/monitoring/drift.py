"""Drift reports out of the counts that the scoring process keeps."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from tidegate._native import Counters

ALPHA = 0.01
MAGNITUDE = 0.1
"""The population stability index from which a shift counts as moderate."""


def report(counts: bytes, profiles: Mapping[str, bytes], start: bytes | None = None) -> list[dict[str, Any]]:
    """What has drifted, per variant and feature.

    Args:
        counts: an endpoint's cumulative counts (Arrow IPC stream), as the scoring process gives them.
        profiles: the reference profile (Arrow IPC file) of each variant, by its digest.
        start: an earlier snapshot of the same counts; the report is on what came since.

    Returns:
        The JSON-able rows of :func:`features` with ``variant`` (digest), ``version`` and ``shadow``, by
        version, shadows last.

    Raises:
        InvalidInputError: the counts can't be read, a variant's profile is missing, or ``start`` is not
        earlier.

    """
    rows = []
    for variant, version, shadow in sorted(_variants(counts), key=_by_version):
        if variant not in profiles:
            raise InvalidInputError(
                f"version {version} ({variant}) is counted, and its reference profile is missing"
            )
        counted = counters(profiles[variant], counts, variant, shadow=shadow, start=start)
        who = {"variant": variant, "version": version, "shadow": shadow}
        rows += [{**who, **feature} for feature in features(counted)]
    return rows


def counters(
    profile: bytes, counts: bytes, variant: str, *, shadow: bool | None = False, start: bytes | None = None
) -> Counters:
    """The counters of a variant, less what ``start``, an earlier snapshot, had counted.

    Raises:
        NotFoundError: the counts hold no such variant.
        InvalidInputError: the bytes can't be read, do not fit the profile, or ``start`` is not earlier.

    """
    from tidegate._native import Counters, ReferenceProfile

    reference = ReferenceProfile.from_bytes(profile)
    counted = Counters.from_ipc(reference, counts, variant, shadow)
    if start is not None:
        with contextlib.suppress(NotFoundError):  # the variant came later
            counted.subtract(Counters.from_ipc(reference, start, variant, shadow))
    return counted


def features(counted: Counters) -> list[dict[str, Any]]:
    """What has drifted, feature by feature.

    A feature has drifted when there is evidence and the shift is not small: its PSI is above the 1 %
    threshold that no drift would have (T = PSI / (1/n + 1/m), chi-square; Yurdakul 2018) *and* its
    bias-corrected PSI is at least 0.1. This is judged for the values, over the profile's bins, and for
    missing against present.

    Returns:
        JSON-able rows, the drifted ones first and then by falling PSI: the fields of ``Counters.statistics``,
        ``missing_psi`` (bias-corrected), ``drifted``, and ``drifted_by``, which names ``values`` and
        ``missing``. KS is exact. A figure that is None has its ``reason``: ``NO_LIVE``, ``NO_REFERENCE``,
        ``ONE_BIN``; ``LOW_N`` marks a figure that rests on few rows.

    """
    return sorted((_judge(dict(found)) for found in counted.statistics(alpha=ALPHA)), key=_by_size)


def drifted(statistics: Mapping[str, Any]) -> bool:
    """The rule of :func:`features` for one set of PSI figures, whose threshold is that of 1 %."""
    psi, corrected = statistics["psi"], statistics["psi_bias_corrected"]
    if psi is None or corrected is None or statistics["psi_threshold"] is None:
        return False
    return bool(psi > statistics["psi_threshold"] and corrected >= MAGNITUDE)


def _variants(counts: bytes) -> list[tuple[str, str, bool]]:
    try:
        table = pl.read_ipc_stream(io.BytesIO(counts))
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError("the drift counts are no Arrow IPC stream") from error
    return list(table.select("variant", "version", "shadow").unique().iter_rows())


def _judge(found: dict[str, Any]) -> dict[str, Any]:
    from tidegate._native import psi

    present = found["reference_rows"] - found["reference_missing"]
    reference = np.array([present, found["reference_missing"]], dtype=np.uint64)
    live = np.array([found["rows"] - found["missing"], found["missing"]], dtype=np.uint64)
    missing = psi(reference, live, alpha=ALPHA)
    because = [name for name, figures in (("values", found), ("missing", missing)) if drifted(figures)]
    plain = {name: _finite(value) for name, value in found.items()}
    return {
        **plain,
        "missing_psi": missing["psi_bias_corrected"],
        "drifted": bool(because),
        "drifted_by": because,
    }


def _finite(value: Any) -> Any:
    """JSON has no infinity; a KS location may be one."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _by_version(variant: tuple[str, str, bool]) -> tuple[Any, ...]:
    digest, version, shadow = variant
    return (shadow, int(version) if version.isdigit() else 0, version, digest)


def _by_size(row: dict[str, Any]) -> tuple[Any, ...]:
    size = row["psi_bias_corrected"]
    return (not row["drifted"], -size if size is not None else math.inf, row["role"], row["feature"])
