"""Ratios, their spread and their bars."""

from __future__ import annotations

from benches.figures.table import number, row
from benches.ratio import compare, in_turn, interleaved, missing


def test_the_order_turns_around_from_round_to_round() -> None:
    calls: list[str] = []
    sides = {name: lambda name=name: calls.append(name) or float(len(calls)) for name in "abc"}
    figures = in_turn(sides, 3)
    assert "".join(calls) == "abccbaabc"
    assert figures == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}


def test_two_sides_keep_their_figures_apart() -> None:
    assert interleaved(lambda: 1.0, lambda: 2.0, 2) == ([1, 1], [2, 2])


def test_a_ratio_is_the_median_of_the_rounds_and_shows_their_spread() -> None:
    found = compare("x", "us", ([10, 30, 90], [10, 10, 30]), theirs_name="y", at_least=3)
    assert (found.ratio, found.ratio_low, found.ratio_high) == (3, 1, 3)
    assert (found.ours, found.theirs, found.target, found.met) == (30, 10, "at least 3x", True)


def test_a_bar_can_be_missed_from_both_sides_or_not_be_there() -> None:
    figures = ([2.0], [1.0])
    assert compare("x", "", figures, theirs_name="y", at_least=2.5).met is False
    assert compare("x", "", figures, theirs_name="y", at_most=1.5).met is False
    told = compare("x", "", figures, theirs_name="y")
    assert (told.met, told.target) == (None, "")


def test_what_was_not_measured_is_shown_with_its_reason() -> None:
    cells = row(missing("REST", "Ray Serve", "not installed: no wheel"))
    assert [str(cell) for cell in cells] == [
        "REST", "", "Ray Serve", "", "", "", "not installed: no wheel", "missing",
    ]  # fmt: skip


def test_figures_have_as_many_digits_as_mean_something() -> None:
    assert [number(value) for value in (12345.6, 999.4, 0.12345, float("nan"))] == [
        "12,346",
        "999",
        "0.123",
        "",
    ]
