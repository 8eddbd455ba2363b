"""Drift alarms out of the panes that the scoring process closes: what has changed, since when, how much."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from tidegate.monitoring.baseline import Replayed
from tidegate.monitoring.incidents import FIGURES, watch
from tidegate.monitoring.streams import Key, Stream, streams

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
UNJUDGED = {
    "RHYTHM": "reference too short for this rhythm",
    "BASELINE": "the reference itself changes over its time: take a longer or a stratified one",
}
"""Why a stream has a magnitude and no alarm."""
LARGE = frozenset({"moderate", "major"})
_ORDER = {"ALARM": 0, "WARN": 1, "NONE": 2}


def report(
    panes: pl.DataFrame,
    profiles: Mapping[str, bytes],
    replays: Mapping[str, Mapping[Key, Replayed]],
) -> list[dict[str, Any]]:
    """The verdicts of :func:`alarms` for each variant with ``variant`` (digest), ``version`` and ``shadow``.

    ``profiles`` and ``replays`` are by digest; a variant without a profile has no verdicts.
    """
    rows = []
    who = ["variant", "version", "shadow"]
    for (variant, version, shadow), mine in panes.group_by(who, maintain_order=True):
        if variant in profiles:
            named = {"variant": variant, "version": version, "shadow": shadow}
            rows += [named | found for found in alarms(profiles[variant], mine, replays.get(variant))]
    return sorted(rows, key=_by_evidence)


def alarms(
    profile: bytes, panes: pl.DataFrame, replayed: Mapping[Key, Replayed] | None = None
) -> list[dict[str, Any]]:
    """Scans the streams of one variant: each feature's values and its missing against present rows.

    Args:
        profile: the variant's reference profile (Arrow IPC file).
        panes: the variant's rows of :func:`tidegate.monitoring.logs.panes`, in event order.
        replayed: what the baseline replay says of the streams (:func:`tidegate.monitoring.baseline.replay`);
            of what is not named, rows are taken to be independent, and the verdict says so.

    Returns:
        JSON-able verdicts, alarms first. ``feature``, ``role``, ``stream`` say of what; ``evidence`` is that
        of the last check (``NONE``, ``WARN``, ``ALARM``), ``ln_m`` against ``ln_alarm``; ``window`` the panes
        with most evidence. ``incidents`` are all of :func:`tidegate.monitoring.incidents.watch`;
        ``alarmed_at`` and ``ended_at`` are those of the latest, and ``began`` when the change began by event
        time, as the first check of an open incident saw it. ``rows``, bias-corrected PSI with its 95 %
        interval and ``magnitude`` are those of the window; ``checks`` is how many panes there were.
        ``design_effect`` is None when unverified, which ``note`` says. A ``reason`` stands where something
        can't be said: ``NO_PANES``; ``ONE_BIN``; ``REFERENCE_SHORT``, no window is as short as a quarter of
        the reference; ``RHYTHM``, the reference is too short for this rhythm, and ``BASELINE``, the reference
        itself changes over its time (``baseline_ln_m`` is an alarm): there is a magnitude and no alarm; or
        PSI's.

    Raises:
        InvalidInputError: a pane's bins are not the profile's.

    """
    from tidegate._native import ln_alarm

    watched = streams(profile, panes)
    limit = ln_alarm(max(len(watched), 1), CHECKS, ALPHA)
    known = replayed or {}
    verdicts = [_judge(stream, limit, known.get(stream.key, Replayed())) for stream in watched]
    return sorted(verdicts, key=_by_evidence)


def openings(verdicts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each incident of the streams as the verdict of the check that opened it, with its ``ended_at``."""
    return [
        {**verdict, **incident, "evidence": "ALARM", "reason": None, "incidents": []}
        for verdict in verdicts
        for incident in verdict["incidents"]
    ]


def unjudged(replayed: Replayed, limit: float) -> str | None:
    """Why a stream has no alarm by its reference: a key of :data:`UNJUDGED`, or None when it has one."""
    if replayed.design_effect is not None and replayed.design_effect > LARGEST_EFFECT:
        return "RHYTHM"
    return "BASELINE" if replayed.ln_m is not None and replayed.ln_m >= limit else None


def is_open(verdict: Mapping[str, Any]) -> bool:
    """Whether an incident of the stream is open."""
    return verdict["alarmed_at"] is not None and verdict["ended_at"] is None


def worth_saying(verdict: Mapping[str, Any]) -> bool:
    """Whether a reader should see it: an open incident, a warning, or a large shift that can't be judged."""
    hidden = verdict["reason"] in UNJUDGED and verdict["magnitude"] in LARGE
    return verdict["evidence"] != "NONE" or is_open(verdict) or hidden


def sentence(verdict: Mapping[str, Any]) -> str:
    """What a stream says, in words."""
    what = stream_name(verdict)
    psi, effect = verdict["psi_bias_corrected"], verdict["design_effect"]
    size = "no PSI" if psi is None else f"{verdict['magnitude']} shift, PSI {psi:.3f}"
    size += f" over {verdict['rows']} rows"
    rhythm = "unverified" if effect is None else format(effect, ".1f")
    if verdict["reason"] in UNJUDGED:
        return f"{what}: {size}; {UNJUDGED[verdict['reason']]} (design effect {rhythm}), so no alarm"
    level = "ALARM" if is_open(verdict) else verdict["evidence"]
    evidence = f"log evidence {verdict['ln_m']:.1f}, alarm from {verdict['ln_alarm']:.1f}"
    return f"{level}: {what} changed since {verdict['began']}: {size}; {evidence}, design effect {rhythm}"


def stream_name(verdict: Mapping[str, Any]) -> str:
    """A stream as people read it, such as ``distance (values)``."""
    kinds = [kind for kind in (verdict["role"], verdict["stream"]) if kind not in {"input", "values"}]
    return f"{verdict['feature']} ({', '.join(kinds) or 'values'})"


def _judge(stream: Stream, limit: float, replayed: Replayed) -> dict[str, Any]:
    from tidegate._native import alarm_level, psi

    effect = replayed.design_effect
    verdict: dict[str, Any] = {
        "feature": stream.feature,
        "role": stream.role,
        "stream": stream.name,
        "evidence": "NONE",
        "ln_m": None,
        "ln_alarm": limit,
        "baseline_ln_m": replayed.ln_m,
        "window": 0,
        "began": None,
        "alarmed_at": None,
        "ended_at": None,
        "incidents": [],
        "checks": len(stream.panes),
        "design_effect": effect,
        "note": _note(replayed),
    }
    judged = len(stream.reference) > 1 and len(stream.panes) > 0
    watched = watch(stream, limit, effect or 1.0) if judged else None
    length = watched.window if watched is not None else 0
    live = stream.window(len(stream.panes) - 1, length)
    found = psi(stream.reference, live)
    verdict |= {"rows": int(live.sum()), "reason": found["reason"]}
    verdict |= {name: found[name] for name in FIGURES}  # type: ignore[literal-required]
    if not len(stream.panes):
        return verdict | {"reason": "NO_PANES"}
    if watched is None or not length:
        return verdict | {"reason": "ONE_BIN" if watched is None else "REFERENCE_SHORT"}
    verdict |= {"ln_m": watched.ln_m, "window": length}
    if (reason := unjudged(replayed, limit)) is not None:
        return verdict | {"reason": reason}
    verdict |= {"evidence": alarm_level(watched.ln_m, limit), "incidents": watched.incidents}
    if watched.incidents:
        latest = watched.incidents[-1]
        verdict |= {"alarmed_at": latest["alarmed_at"], "ended_at": latest["ended_at"]}
    if is_open(verdict):
        verdict["began"] = watched.incidents[-1]["began"]
    elif verdict["evidence"] != "NONE":
        verdict["began"] = stream.begins[len(stream.panes) - length].isoformat()
    return verdict


def _note(replayed: Replayed) -> str | None:
    if replayed.design_effect is None:
        return UNVERIFIED if replayed.note is None else f"{UNVERIFIED}; {replayed.note}"
    return APPROXIMATE if replayed.design_effect > 1 else None


def _by_evidence(verdict: dict[str, Any]) -> tuple[Any, ...]:
    size = verdict["ln_m"]
    return (
        _ORDER[verdict["evidence"]],
        -size if size is not None else math.inf,
        verdict["role"],
        verdict["feature"],
        verdict["stream"],
    )
