"""The scan, its threshold and the design effect across the boundary; `rust/drift` has the golden values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tidegate._native import ProfileBuilder, alarm_level, design_effect, ln_alarm, scan
from tidegate.errors import InvalidInputError

REFERENCE = np.full(10, 1000, dtype=np.uint64)


def counts(*panes: list[int]) -> NDArray[np.uint64]:
    return np.array(panes, dtype=np.uint64)


def test_one_window_is_the_golden_e_value() -> None:
    live = counts([150, 130, 120, 110, 100, 95, 90, 80, 70, 55])
    for urn, expected in (("gap", 19.038098407525855), ("count", 18.149713703330203)):
        ln_m, windows = scan(REFERENCE, live, urn)  # type: ignore[arg-type]
        assert ln_m[0] == pytest.approx(expected - math.log(16), abs=1e-10)
        assert windows.tolist() == [1]


def test_strided_panes_are_read_as_they_are() -> None:
    panes = np.asfortranarray(np.random.default_rng(1).integers(80, 120, (6, 10)).astype(np.uint64))
    plain = scan(REFERENCE, np.ascontiguousarray(panes), "gap")[0]
    assert scan(REFERENCE, panes, "gap")[0].tolist() == plain.tolist()
    assert (
        scan(REFERENCE, panes[::2], "gap")[0].tolist()
        == scan(REFERENCE, panes[::2].copy(), "gap")[0].tolist()
    )


def test_no_pane_is_no_check_and_a_window_that_is_too_long_no_evidence() -> None:
    ln_m, windows = scan(REFERENCE, np.zeros((0, 10), dtype=np.uint64), "gap")
    assert (len(ln_m), len(windows)) == (0, 0)
    ln_m, windows = scan(REFERENCE, counts([300] * 10), "count")
    assert (ln_m.tolist(), windows.tolist()) == ([-math.inf], [0])


def test_levels_and_their_threshold() -> None:
    limit = ln_alarm(10)
    assert limit == pytest.approx(13.815510557964274)
    assert [alarm_level(value, limit) for value in (-math.inf, 5.9, 6.0, limit)] == [
        "NONE",
        "NONE",
        "WARN",
        "ALARM",
    ]


def test_a_design_effect_needs_thirty_panes() -> None:
    panes = np.random.default_rng(2).multinomial(1000, [0.1] * 10, 40).astype(np.uint64)
    assert design_effect(panes) == 1.0
    assert design_effect(panes[:29]) is None


def drawn(random: np.random.Generator, rows: int, shift: float, panes: int) -> NDArray[np.float64]:
    """The checks of panes of 1000 normal rows, shifted, against a normal reference of ``rows`` rows."""
    values = np.sort(random.normal(size=rows))
    edges = values[[-(-j * rows // 10) - 1 for j in range(1, 10)]]
    reference = np.bincount(np.searchsorted(edges, values), minlength=10).astype(np.uint64)
    below = [0.0, *(0.5 * math.erfc((shift - edge) / math.sqrt(2)) for edge in edges), 1.0]
    live = random.multinomial(1000, np.diff(below), panes).astype(np.uint64)
    return scan(reference, live, "gap")[0]


def test_a_million_rows_without_a_change_raise_no_alarm() -> None:
    random = np.random.default_rng(7)
    largest = np.array([drawn(random, 10_000, 0.0, 1000).max() for _ in range(200)])
    # At most 1 % may; that eight or more of 200 do has then a chance of 0.1 %.
    assert (largest >= ln_alarm(1)).sum() <= 8
    assert 3.2 < np.quantile(largest, 0.95) < 5.2


@pytest.mark.parametrize(("shift", "least", "most"), [(0.25, 1.0, 2.0), (0.1, 4.5, 8.5)])
def test_a_shift_is_found_in_time(shift: float, least: float, most: float) -> None:
    random = np.random.default_rng(8)
    delays = []
    for _ in range(40):
        found = np.flatnonzero(drawn(random, 100_000, shift, 60) >= ln_alarm(1))
        delays.append(found[0] + 1 if len(found) else 60)
    assert least <= np.mean(delays) <= most


def test_refuses_by_name() -> None:
    panes = counts([1] * 10)
    with pytest.raises(InvalidInputError, match="urn must be 'gap' or 'count', got 'x'"):
        scan(REFERENCE, panes, "x")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="live has 2 bins, reference 10"):
        scan(REFERENCE, counts([1, 2]), "gap")
    with pytest.raises(InvalidInputError, match="a design effect of at least 1"):
        scan(REFERENCE, panes, "gap", design_effect=0.5)
    with pytest.raises(InvalidInputError, match="at least two bins"):
        scan(np.zeros(10, dtype=np.uint64), panes, "count")
    with pytest.raises(InvalidInputError, match="alpha must be between 0 and 1, got 0"):
        ln_alarm(1, alpha=0.0)


def test_a_profile_names_the_urn_of_each_feature() -> None:
    builder = ProfileBuilder()
    builder.numeric("smooth", np.arange(1000.0))
    builder.numeric("tied", np.arange(1000.0) // 2)
    builder.numeric("few", np.arange(1000.0) % 3)
    builder.categorical("text", ["a", "b"] * 500)
    urns = {feature["name"]: feature["urn"] for feature in builder.build().features()}
    assert urns == {"smooth": "gap", "tied": "count", "few": "count", "text": "count"}
