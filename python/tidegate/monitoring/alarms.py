"""Drift alarms out of the panes that the scoring process closes: what has changed, since when, how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tidegate._native import Counters

CHECKS = 1000
"""The guarantee is stated per so many checks, one a pane."""
ALPHA = 0.01
"""The largest chance of any false alarm on a variant within :data:`CHECKS` checks."""
LARGEST_EFFECT = 20.0
"""The design effect above which a stream has no alarm: its reference is too short for its rhythm."""
UNVERIFIED = "rows are taken to be independent: no reference in time order was there to check it"
APPROXIMATE = (
    "rows depend on their neighbours; counts are divided by the design effect, the bound is approximate"
)
QUIET_CHECKS = 3
"""Checks in a row with more evidence for the reference than against it that close an incident."""
Stream = tuple[str, str, str]
"""Role, feature, and ``values`` or ``missing``."""
_ORDER = {"ALARM": 0, "WARN": 1, "NONE": 2}


@dataclass(frozen=True)
class _Stream:
    feature: str
    role: Literal["input", "score"]
    name: Literal["values", "missing"]
    urn: Literal["gap", "count"]
    reference: NDArray[np.uint64]
    panes: NDArray[np.uint64]
    begins: list[datetime]
    ends: list[datetime]


def report(
    panes: pl.DataFrame,
    profiles: Mapping[str, bytes],
    effects: Mapping[str, Mapping[Stream, float]],
) -> list[dict[str, Any]]:
    """The verdicts of :func:`alarms` for each variant with ``variant`` (digest), ``version`` and ``shadow``.

    ``profiles`` and ``effects`` are by digest; a variant without a profile has no verdicts.
    """
    rows = []
    who = ["variant", "version", "shadow"]
    for (variant, version, shadow), mine in panes.group_by(who, maintain_order=True):
        if variant in profiles:
            named = {"variant": variant, "version": version, "shadow": shadow}
            rows += [named | found for found in alarms(profiles[variant], mine, effects.get(variant))]
    return sorted(rows, key=_by_evidence)


def alarms(
    profile: bytes, panes: pl.DataFrame, effects: Mapping[Stream, float] | None = None
) -> list[dict[str, Any]]:
    """Scans the streams of one variant: each feature's values and its missing against present rows.

    Args:
        profile: the variant's reference profile (Arrow IPC file).
        panes: the variant's rows of :func:`tidegate.monitoring.logs.panes`, in event order.
        effects: design effects by stream (:func:`tidegate.monitoring.baseline.design_effects`); of what is
            not named, rows are taken to be independent, and the verdict says so.

    Returns:
        JSON-able verdicts, alarms first. ``feature``, ``role``, ``stream`` say of what; ``evidence`` is that
        of the last check (``NONE``, ``WARN``, ``ALARM``), ``ln_m`` against ``ln_alarm``; ``window`` the panes
        with most evidence; ``began`` when the change began by event time, as the first check of an open
        incident saw it. An incident opens at an alarm, ``alarmed_at``, and closes with the third check in a
        row whose ``ln_m`` is below 0, ``ended_at``. ``rows``, bias-corrected PSI with its 95 % interval and
        ``magnitude`` are those of the window; ``checks`` is how many panes there were. ``design_effect`` is
        None when unverified, which ``note`` says. A ``reason`` stands where something can't be said:
        ``NO_PANES``; ``ONE_BIN``; ``REFERENCE_SHORT``, no window is as short as a quarter of the reference;
        ``RHYTHM``, the reference is too short for this rhythm: there is a magnitude and no alarm; or PSI's.

    Raises:
        InvalidInputError: a pane's bins are not the profile's.

    """
    from tidegate._native import ln_alarm

    streams = _streams(profile, panes)
    limit = ln_alarm(max(len(streams), 1), CHECKS, ALPHA)
    known = effects or {}
    verdicts = [
        _judge(stream, limit, known.get((stream.role, stream.feature, stream.name))) for stream in streams
    ]
    return sorted(verdicts, key=_by_evidence)


def worth_saying(verdict: Mapping[str, Any]) -> bool:
    """Whether a reader should see it: an alarm, a warning, or a large shift that can't be judged."""
    hidden = verdict["reason"] == "RHYTHM" and verdict["magnitude"] in {"moderate", "major"}
    return verdict["evidence"] != "NONE" or hidden


def sentence(verdict: Mapping[str, Any]) -> str:
    """What a stream says, in words."""
    kinds = [kind for kind in (verdict["role"], verdict["stream"]) if kind not in {"input", "values"}]
    what = f"{verdict['feature']} ({', '.join(kinds) or 'values'})"
    psi, effect = verdict["psi_bias_corrected"], verdict["design_effect"]
    size = "no PSI" if psi is None else f"{verdict['magnitude']} shift, PSI {psi:.3f}"
    size += f" over {verdict['rows']} rows"
    rhythm = "unverified" if effect is None else format(effect, ".1f")
    if verdict["reason"] == "RHYTHM":
        return f"{what}: {size}; reference too short for this rhythm (design effect {rhythm}), so no alarm"
    evidence = f"log evidence {verdict['ln_m']:.1f}, alarm from {verdict['ln_alarm']:.1f}"
    since = f"changed since {verdict['began']}"
    return f"{verdict['evidence']}: {what} {since}: {size}; {evidence}, design effect {rhythm}"


def _streams(profile: bytes, panes: pl.DataFrame) -> list[_Stream]:
    from tidegate._native import Counters, ReferenceProfile

    reference = ReferenceProfile.from_bytes(profile)
    empty = Counters(reference)
    streams = []
    for feature in reference.features():
        mine = panes.filter(pl.col("feature") == feature["name"], pl.col("role") == feature["role"])
        times = mine["begin"].to_list(), mine["end"].to_list()
        who = (feature["name"], feature["role"])
        values = _bins(empty, mine, feature["name"], feature["role"])
        present = np.array([sum(row) for row in values.tolist()], dtype=np.uint64)
        missing = np.column_stack([mine["missing"].to_numpy().astype(np.uint64), present])
        binned = empty.bins(feature["name"], role=feature["role"])[0]
        known = np.array([feature["missing"], feature["rows"] - feature["missing"]], dtype=np.uint64)
        streams.append(_Stream(*who, "values", feature["urn"], binned, values, *times))
        streams.append(_Stream(*who, "missing", "count", known, missing, *times))
    return [stream for stream in streams if stream.reference.sum()]


def _bins(
    empty: Counters, panes: pl.DataFrame, feature: str, role: Literal["input", "score"]
) -> NDArray[np.uint64]:
    """The panes' bins ``[panes, bins]``."""
    bins = len(empty.bins(feature, role=role)[0])
    rows = panes["bins"].to_list()
    if any(len(row) != bins for row in rows):
        raise InvalidInputError(
            f"the panes of feature {feature!r} do not have the {bins} bins of its profile"
        )
    return np.array(rows, dtype=np.uint64).reshape(len(rows), bins)


def _judge(stream: _Stream, limit: float, effect: float | None) -> dict[str, Any]:
    from tidegate._native import alarm_level, psi, scan

    verdict: dict[str, Any] = {
        "feature": stream.feature,
        "role": stream.role,
        "stream": stream.name,
        "evidence": "NONE",
        "ln_m": None,
        "ln_alarm": limit,
        "window": 0,
        "began": None,
        "alarmed_at": None,
        "ended_at": None,
        "checks": len(stream.panes),
        "design_effect": effect,
        "note": UNVERIFIED if effect is None else APPROXIMATE if effect > 1 else None,
    }
    judged = len(stream.reference) > 1 and len(stream.panes) > 0
    if judged:
        ln_m, windows = scan(stream.reference, stream.panes, stream.urn, effect or 1.0)
    length = int(windows[-1]) if judged else 0
    live = stream.panes[len(stream.panes) - length :].sum(axis=0, dtype=np.uint64)
    found = psi(stream.reference, live)
    names = ("psi_bias_corrected", "psi_ci_low", "psi_ci_high", "magnitude", "reason")
    verdict |= {"rows": int(live.sum()), **{name: found[name] for name in names}}  # type: ignore[literal-required]
    if not len(stream.panes):
        return verdict | {"reason": "NO_PANES"}
    if not length:
        return verdict | {"reason": "REFERENCE_SHORT" if judged else "ONE_BIN"}
    verdict |= {"ln_m": float(ln_m[-1]), "window": length}
    if effect is not None and effect > LARGEST_EFFECT:
        return verdict | {"reason": "RHYTHM"}
    levels = [alarm_level(value, limit) for value in ln_m.tolist()]
    opened, ended = _incident(ln_m.tolist(), [level == "ALARM" for level in levels])
    seen = len(levels) - 1 if levels[-1] != "NONE" else None
    if opened is not None:
        seen = opened if ended is None else seen
        verdict["alarmed_at"] = stream.ends[opened].isoformat()
        verdict["ended_at"] = None if ended is None else stream.ends[ended].isoformat()
    if seen is not None:
        verdict["began"] = stream.begins[seen + 1 - int(windows[seen])].isoformat()
    return verdict | {"evidence": levels[-1]}


def _incident(ln_m: Sequence[float], alarming: Sequence[bool]) -> tuple[int | None, int | None]:
    """The checks that opened and closed the latest incident, None for what has not been."""
    opened, ended, quiet = None, None, 0
    for at, (evidence, alarm) in enumerate(zip(ln_m, alarming, strict=True)):
        quiet = quiet + 1 if -math.inf < evidence < 0 else 0
        if alarm and (opened is None or ended is not None):
            opened, ended = at, None
        elif opened is not None and ended is None and quiet >= QUIET_CHECKS:
            ended = at
    return opened, ended


def _by_evidence(verdict: dict[str, Any]) -> tuple[Any, ...]:
    size = verdict["ln_m"]
    return (
        _ORDER[verdict["evidence"]],
        -size if size is not None else math.inf,
        verdict["role"],
        verdict["feature"],
        verdict["stream"],
    )
