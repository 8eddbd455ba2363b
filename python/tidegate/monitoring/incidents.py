"""Incidents: when a stream's alarm opened, how large the change was then, and when it was over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tidegate.monitoring.streams import Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUIET_CHECKS = 3
"""Quiet checks in a row that close an incident."""
QUIET_WINDOWS = (16, 12, 8, 6, 4, 3, 2, 1)
"""The trailing windows, in panes, over which a check is quiet."""
QUIET_PSI = 0.1
"""The upper end of the interval of PSI from which on a check is not quiet."""
WINDOWS = 16
"""Trailing windows of the scan, over which its evidence is a mean."""
FIGURES = ("psi_bias_corrected", "psi_ci_low", "psi_ci_high", "magnitude")


@dataclass(frozen=True)
class Watched:
    """What the scan of a stream found."""

    ln_m: float
    """The log evidence of the last check; negative infinity when no window could be judged."""
    window: int
    """Its window with most evidence, in panes; 0 when none could be judged."""
    incidents: list[dict[str, Any]]
    """Oldest first; at most the last is open."""


def watch(stream: Stream, ln_alarm: float, effect: float = 1.0) -> Watched:
    """Scans the panes of a stream, one check a pane, and follows each alarm to its end.

    An incident opens at an alarm, closes with the third quiet check in a row (:func:`quiet`), and the scan
    then begins anew with those three panes: old evidence can't open it again, a new change can. That leaves
    evidence out, so the bound on false alarms holds.

    Args:
        stream: the stream and at least one closed pane.
        ln_alarm: the log evidence of an alarm.
        effect: the stream's design effect.

    Returns:
        The last check, and JSON-able incidents with times of event: ``began``, the beginning of the opening
        check's window; ``alarmed_at`` and ``ended_at`` (or None), the ends of the panes that opened and
        closed it; and of the check that opened it ``checks``, its number, ``ln_m``, ``window``, ``rows``,
        bias-corrected PSI with its 95 % interval, and ``magnitude``.

    """
    from tidegate._native import scan

    found: list[dict[str, Any]] = []
    start = 0
    while True:
        ln_m, windows = scan(stream.reference, stream.panes[start:], stream.urn, effect)
        alarming = np.flatnonzero(ln_m >= ln_alarm)
        if len(alarming):
            first = int(alarming[0])
            found.append(_opened(stream, start + first, float(ln_m[first]), int(windows[first])))
            # Where a short window alone lifts the mean to 1, no check is quiet.
            loud = (ln_m >= math.log(len(QUIET_WINDOWS))) & (windows <= QUIET_WINDOWS[0])
            end = _end(stream, start, first, loud.tolist(), effect)
            if end is not None:
                found[-1]["ended_at"] = stream.ends[end].isoformat()
                start = end + 1 - QUIET_CHECKS
                continue
        return Watched(float(ln_m[-1]), int(windows[-1]), found)


def quiet(stream: Stream, check: int, effect: float = 1.0, start: int = 0) -> bool:
    """Whether the last panes up to a check, none before ``start``, look like the reference.

    That is: the mean e-value over the trailing windows of up to 16 panes is below 1, and the 95 % interval of
    the bias-corrected PSI of the longest of them ends below 0.1.
    """
    from tidegate._native import psi

    lengths = [length for length in QUIET_WINDOWS if length <= check + 1 - start]
    upper = psi(stream.reference, stream.window(check, lengths[0]))["psi_ci_high"]
    if upper is None or upper >= QUIET_PSI:
        return False
    total = 0.0
    for length in lengths:
        ln_e = window_evidence(stream.reference, stream.window(check, length), stream.urn, effect)
        if ln_e >= math.log(len(QUIET_WINDOWS)):  # this one alone lifts the mean to 1
            return False
        total += math.exp(ln_e)
    return 0 < total < len(QUIET_WINDOWS)


def window_evidence(
    reference: NDArray[np.uint64], live: NDArray[np.uint64], urn: Literal["gap", "count"], effect: float
) -> float:
    """The log e-value of one window's rows ``[bins]``; negative infinity when it can't be judged."""
    from tidegate._native import scan

    return float(scan(reference, live[np.newaxis], urn, effect)[0][0]) + math.log(WINDOWS)


def _end(stream: Stream, start: int, opened: int, loud: Sequence[bool], effect: float) -> int | None:
    """The check that closes what the check ``opened``, counted from ``start`` as ``loud`` is, has opened."""
    silence = 0
    for check in range(opened + 1, len(loud)):
        calm = not loud[check] and quiet(stream, start + check, effect, start)
        silence = silence + 1 if calm else 0
        if silence == QUIET_CHECKS:
            return start + check
    return None


def _opened(stream: Stream, check: int, ln_m: float, length: int) -> dict[str, Any]:
    from tidegate._native import psi

    live = stream.window(check, length)
    figures = psi(stream.reference, live)
    return {
        "began": stream.begins[check + 1 - length].isoformat(),
        "alarmed_at": stream.ends[check].isoformat(),
        "ended_at": None,
        "ln_m": ln_m,
        "window": length,
        "checks": check + 1,
        "rows": int(live.sum()),
        **{name: figures[name] for name in FIGURES},  # type: ignore[literal-required]
    }
