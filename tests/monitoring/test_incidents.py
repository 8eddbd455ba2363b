"""Incidents: all are found, they end when the rows are quiet again, and only new evidence opens another."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from tidegate._native import ln_alarm, psi, scan
from tidegate.monitoring.incidents import QUIET_WINDOWS, quiet, watch, window_evidence
from tidegate.monitoring.streams import Stream

START = datetime(2013, 3, 1, tzinfo=UTC)
REFERENCE = np.full(10, 5000, dtype=np.uint64)
LIMIT = ln_alarm(10)
FLAT = np.full(10, 0.1)
TILTED = np.linspace(0.05, 0.15, 10)


def stream(*parts: tuple[int, NDArray[np.float64]], seed: int = 1) -> Stream:
    """A gap stream of so many panes of 1000 rows, an hour each, with these chances of the bins."""
    random = np.random.default_rng(seed)
    panes = np.vstack([random.multinomial(1000, chances, count) for count, chances in parts])
    begins = [START + timedelta(hours=hour) for hour in range(len(panes))]
    ends = [begin + timedelta(minutes=59) for begin in begins]
    return Stream("f", "input", "values", "gap", REFERENCE, panes.astype(np.uint64), begins, ends)


def hour(text: str | None) -> float | None:
    return None if text is None else (datetime.fromisoformat(text) - START) / timedelta(hours=1)


def found(watched: Stream) -> list[tuple[float | None, float | None, float | None]]:
    return [
        (hour(one["began"]), hour(one["alarmed_at"]), hour(one["ended_at"]))
        for one in watch(watched, LIMIT).incidents
    ]


def test_each_incident_is_found_and_a_new_change_opens_another() -> None:
    parts = [(40, FLAT), (10, TILTED), (60, FLAT), (10, TILTED[::-1]), (60, FLAT), (5, TILTED)]
    first, second, third = found(stream(*parts))
    for incident, began in ((first, 40), (second, 110), (third, 180)):
        assert abs((incident[0] or 0) - began) <= 1
        assert began < (incident[1] or 0) < began + 2
    # The windows of 16 panes hold the change until 16 panes have come after it.
    assert 50 + 3 <= (first[2] or 0) <= 50 + 20
    assert 120 + 3 <= (second[2] or 0) <= 120 + 20
    assert third[2] is None


def test_old_evidence_opens_nothing_again() -> None:
    watched = stream((100, TILTED), (60, FLAT))
    [incident] = found(watched)
    assert incident[2] is not None
    everything, _ = scan(REFERENCE, watched.panes, "gap")
    assert everything[-1] > LIMIT  # the long windows still hold the change
    last = watch(watched, LIMIT)
    assert last.ln_m < 6
    assert 1 <= last.window <= 160 - incident[2]


def test_three_quiet_checks_in_a_row_close_and_two_do_not() -> None:
    watched = stream((20, FLAT), (3, TILTED), (40, FLAT))
    [(_, alarmed, ended)] = found(watched)
    assert alarmed is not None
    assert ended is not None
    opened, closed = math.floor(alarmed), math.floor(ended)
    calm = [quiet(watched, check) for check in range(opened + 1, closed + 1)]
    assert calm[-3:] == [True] * 3
    assert all(calm[at : at + 3] != [True] * 3 for at in range(len(calm) - 3))
    early = Stream(
        *[getattr(watched, name) for name in ("feature", "role", "name", "urn", "reference")],
        watched.panes[:closed],
        watched.begins[:closed],
        watched.ends[:closed],
    )
    assert found(early) == [(found(watched)[0][0], alarmed, None)]


def test_an_incident_ends_as_if_every_check_were_weighed() -> None:
    for seed in range(10):
        mild = FLAT + 0.4 * (TILTED - FLAT)
        watched = stream((20, FLAT), (30, mild), (40, FLAT), (20, mild), (40, FLAT), seed=seed)
        start, expected, silence = 0, [], 0
        for incident in watch(watched, LIMIT).incidents:
            for check in range(incident["checks"], len(watched.panes)):
                silence = silence + 1 if quiet(watched, check, 1.0, start) else 0
                if silence == 3:
                    expected.append(check)
                    start, silence = check - 2, 0
                    break
        closed = [hour(one["ended_at"]) for one in watch(watched, LIMIT).incidents]
        assert [int(each) for each in closed if each is not None] == expected


def test_quiet_is_the_mean_over_short_windows_and_the_interval_of_psi() -> None:
    for seed in range(20):
        watched = stream((20, FLAT), (2, FLAT + 0.15 * (TILTED - FLAT)), seed=seed)
        for check in range(len(watched.panes)):
            lengths = [length for length in QUIET_WINDOWS if length <= check + 1]
            e_values = [
                math.exp(window_evidence(REFERENCE, watched.window(check, length), "gap", 1.0))
                for length in lengths
            ]
            upper = psi(REFERENCE, watched.window(check, lengths[0]))["psi_ci_high"]
            assert upper is not None
            assert quiet(watched, check) == (sum(e_values) / 8 < 1 and upper < 0.1)


def test_the_interval_of_psi_alone_keeps_an_incident_open() -> None:
    """Few rows that weigh little: no evidence, and yet nothing says that the shift is small."""
    few = np.array([[1, 1, 1, 1, 1, 2, 2, 2, 3, 6]], dtype=np.uint64)
    times = [START], [START + timedelta(minutes=59)]
    thin = Stream("f", "input", "values", "gap", REFERENCE, few, *times)
    assert window_evidence(REFERENCE, thin.window(0, 1), "gap", 20.0) < 0
    assert not quiet(thin, 0, 20.0)
    many = Stream("f", "input", "values", "gap", REFERENCE, np.full((1, 10), 100, dtype=np.uint64), *times)
    assert quiet(many, 0, 20.0)


def test_an_incident_carries_the_figures_of_the_check_that_opened_it() -> None:
    watched = stream((30, FLAT), (10, TILTED))
    [incident] = watch(watched, LIMIT).incidents
    check = incident["checks"] - 1
    ln_m, windows = scan(REFERENCE, watched.panes, "gap")
    assert (incident["ln_m"], incident["window"]) == (ln_m[check], windows[check])
    assert ln_m[check - 1] < LIMIT <= ln_m[check]
    live = watched.window(check, incident["window"])
    assert incident["rows"] == live.sum()
    assert incident["psi_bias_corrected"] == psi(REFERENCE, live)["psi_bias_corrected"]


def test_no_change_raises_no_alarm() -> None:
    """The bound: at most 1 % of the variants alarm in 1000 checks, so that of 100 hardly any does."""
    alarmed = [watch(stream((300, FLAT), seed=seed), ln_alarm(1)).incidents for seed in range(100)]
    # Four or more of 100 would have a chance of 2 %; with e-values of mean 1 far less.
    assert sum(bool(one) for one in alarmed) <= 3


@pytest.mark.parametrize("shift", [0.3, 1.0])
def test_the_change_began_where_it_is_said(shift: float) -> None:
    began = [
        found(stream((50, FLAT), (30, FLAT + shift * (TILTED - FLAT)), seed=seed))[0][0] for seed in range(20)
    ]
    assert abs(np.median([each for each in began if each is not None]) - 50) <= 2
