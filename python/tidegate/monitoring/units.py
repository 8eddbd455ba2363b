"""A column that comes in another unit: live values that are multiplied and shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.monitoring.support import Support, support

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

QUANTILES = np.linspace(0.02, 0.98, 49)
"""At which distributions are compared."""
_KNOWN = (
    ("Fahrenheit", "Celsius", 5 / 9, -160 / 9),
    ("Celsius", "Kelvin", 1.0, 273.15),
    ("miles", "kilometres", 1.609344, 0.0),
    ("knots", "miles per hour", 1.15077945, 0.0),
    ("knots", "kilometres per hour", 1.852, 0.0),
    ("metres per second", "kilometres per hour", 3.6, 0.0),
    ("hectopascal", "inches of mercury", 0.0295299831, 0.0),
    ("fractions", "percent", 100.0, 0.0),
    ("minutes", "seconds", 60.0, 0.0),
    ("thousands", "units", 1000.0, 0.0),
    ("feet", "metres", 0.3048, 0.0),
    ("inches", "millimetres", 25.4, 0.0),
    ("pounds", "kilograms", 0.45359237, 0.0),
)
_OFF, _ON = 0.5, 0.95
"""The share of live values on the reference's support: at most as they are, at least once converted back."""
_FAR = 5.0
"""A factor, or its inverse, that no season brings about."""
_EXPLAINED, _LEFT = 0.95, 0.1
"""What a map must explain of a shift, and may leave in spreads of the reference, without a support."""
_FAR_EXPLAINED, _FAR_LEFT = 0.8, 0.5
"""The same for a factor that is far from 1."""
_TELLING = 0.5
"""The shift, in converted spreads of the reference, from which a known map is told from growth."""
_SAMPLE = 5_000
"""Live values that are held against the support, at most."""
_ALIKE = 0.1
"""How far a known factor may be from the fitted one, where there is no support to tell it by."""


@dataclass(frozen=True)
class Map:
    """``live = factor * reference + shift``, with the units' names where they are known."""

    factor: float
    shift: float
    units: tuple[str, str] | None = None


def known_maps() -> list[Map]:
    """All known pairs of units, both ways."""
    there = [Map(a, b, (given, as_)) for given, as_, a, b in _KNOWN]
    return there + [Map(1 / a, -b / a, (as_, given)) for given, as_, a, b in _KNOWN]


def fitted(reference: Floats, live: Floats) -> Map:
    """The map between two sets of quantiles [q] by the median of the slopes (Theil 1950, Sen 1968)."""
    left, right = np.triu_indices(len(reference), 1)
    run, rise = reference[right] - reference[left], live[right] - live[left]
    slopes = rise[run > 0] / run[run > 0]
    factor = float(np.median(slopes)) if len(slopes) else 1.0
    return Map(factor, float(np.median(live - factor * reference)))


def unit_change(reference: Floats, live: Floats) -> dict[str, Any] | None:
    """The change of unit that explains live values [m] by reference values [n], none of them missing.

    Where the reference's values lie on a grid or are few (:mod:`tidegate.monitoring.support`), the live ones
    must be off it as they are and on it once converted back, or on a grid that is coarser by the factor: a
    season does not do that. Elsewhere the map must explain the shift of the quantiles. A factor between units
    that are not known must explain it too, and without a support be 5 or more, or a fifth or less, and alone.

    Returns:
        ``factor``, ``shift``, ``units``, ``explained`` (the share of the shift of the quantiles),
        ``on_support`` and ``on_support_converted`` (None without a support); None without such a change.

    """
    old, new = np.quantile(reference, QUANTILES), np.quantile(live, QUANTILES)
    spread = float(old[-1] - old[0])
    if spread == 0 or float(new[-1]) == float(new[0]):
        return None
    known, grid = support(reference), support(live)
    apart = float(np.abs(new - old).mean())
    if known is None and apart < _LEFT * spread:
        return None
    fit = fitted(old, new)
    sample = live[:: max(len(live) // _SAMPLE, 1)]
    on_support = None if known is None else known.holds(sample)
    found = []
    for each in [*known_maps(), *_unnamed(known, grid, fit)]:
        back = (float(np.median(live)) - each.shift) / each.factor
        if not old[0] - 2 * spread <= back <= old[-1] + 2 * spread:
            continue
        left = float(np.abs(new - (each.factor * old + each.shift)).mean())
        facts: dict[str, Any] = {
            "factor": each.factor,
            "shift": each.shift,
            "units": None if each.units is None else list(each.units),
            "explained": 1.0 - left / apart if apart else 0.0,
            "on_support": on_support,
            "on_support_converted": None
            if known is None
            else known.holds((sample - each.shift) / each.factor),
        }
        coarser = _coarser(known, grid, each) and facts["explained"] > 0
        if coarser or _convincing(each, facts, left / (each.factor * spread), fit.factor, spread):
            found.append((each.units is None, left, facts))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _coarser(known: Support | None, grid: Support | None, each: Map) -> bool:
    """Whether the live grid is the reference's with each step made larger by a factor that is far from 1.

    All of the coarser grid may lie on the finer one: whole percent are among the hundredths.
    """
    if known is None or grid is None or not (known.step and grid.step) or each.units is None:
        return False
    return each.factor >= _FAR and abs(grid.step / (known.step * each.factor) - 1) < 0.01


def _unnamed(known: Support | None, grid: Support | None, fit: Map) -> list[Map]:
    """The fitted map, with the factor that the two grids' steps have where both are grids."""
    if fit.factor <= 0:
        return []
    if known is None or grid is None or not (known.step and grid.step):
        return [fit]
    factor = grid.step / known.step
    if abs(factor / fit.factor - 1) > 0.15 or abs(factor - 1) < 0.05:
        return [fit]
    steps = round((fit.shift + factor * known.origin - grid.origin) / grid.step)
    return [Map(factor, grid.origin + steps * grid.step - factor * known.origin)]


def _convincing(each: Map, facts: dict[str, Any], left: float, fit: float, spread: float) -> bool:
    """Whether a map's figures are those of a change of unit.

    ``left`` is what it leaves unexplained, in converted spreads of the reference; ``fit`` the fitted factor.
    """
    far = not 1 / _FAR < each.factor < _FAR
    explained, most = (_FAR_EXPLAINED, _FAR_LEFT) if far else (_EXPLAINED, _LEFT)
    explains = facts["explained"] >= explained and left <= most
    if facts["on_support"] is not None:
        moved = facts["on_support"] <= _OFF and facts["on_support_converted"] >= _ON
        return bool(moved and (each.units is not None or explains))
    if each.units is None:
        return far and explains and abs(each.shift) <= most * abs(each.factor) * spread
    # Whatever is measured may grow by half or by twice as much; that it became kilometres can't be told.
    telling = far or abs(each.shift) > each.factor * spread * _TELLING
    return explains and telling and fit > 0 and abs(each.factor / fit - 1) <= _ALIKE
