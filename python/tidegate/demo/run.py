"""The demo: the flights of 2013 replayed, January and February as the reference."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from tidegate.demo import data
from tidegate.errors import InvalidInputError
from tidegate.replay.rules import Pace, Rules
from tidegate.replay.run import Replay
from tidegate.replay.source import Source
from tidegate.replay.view import View

DEFAULT_HOME = Path("demo-home")
ALL_MONTHS = len(data.EVENT_MONTHS)
LEAST_AUC = 0.64
"""What a version must reach to go on."""
FLOOR = 0.2
"""The largest Brier score of a version that answers."""


def run_demo(
    root: Path = DEFAULT_HOME,
    months: int = ALL_MONTHS,
    *,
    days: int | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Runs the whole demo and answers what it measured, which also lies in the home as ``report.json``.

    ``months`` of the ten from March on are replayed, or only their first ``days``. What an earlier demo left
    at ``root`` is deleted. Progress goes to ``console``. However it ends, no process that it started is left.
    """
    check(months, days)
    console = console or Console()
    view = View(console)
    with view.step("data", "Data: each flight with what was known when its hour of departure began"):
        with view.bars() as bars:
            task = bars.add_task("features", total=len(data.features().features))
            whole = data.source(lambda _name: bars.advance(task))
        source = part(whole, months, days)
    return Replay(source, rules(), root, console).run()


def rules() -> Rules:
    """The rules of the demo's house: panes of days, also of a short part of the year."""
    return Rules(least=LEAST_AUC, least_blind=LEAST_AUC, floor=FLOOR, pace=Pace())


def check(months: int, days: int | None) -> None:
    """Raises :class:`InvalidInputError` for a part of the year that has no flights."""
    if not 1 <= months <= ALL_MONTHS:
        raise InvalidInputError(f"months must be 1 to {ALL_MONTHS}; it is {months}")
    if days is not None and days < 1:
        raise InvalidInputError(f"days must be at least 1; it is {days}")


def part(source: Source, months: int, days: int | None) -> Source:
    """The first ``months`` of the source's events, or their first ``days``."""
    end = data.month_begins(data.EVENT_MONTHS[0] + months)
    if days is not None:
        end = min(end, source.begins + timedelta(days=days))
    return source.until(end)
