"""How results are shown."""

from __future__ import annotations

import math

from rich.table import Table
from rich.text import Text

from benches.ratio import Result

COLUMNS = ("figure", "ours", "against", "theirs", "ratio", "low - high", "bar", "")


def table(results: list[Result], title: str) -> Table:
    """All results, one a row; what could not be measured says why."""
    shown = Table(*COLUMNS, title=title, title_justify="left", pad_edge=False)
    for index in (1, 3, 4, 5):
        shown.columns[index].justify = "right"
    for result in results:
        shown.add_row(*row(result))
    return shown


def row(result: Result) -> tuple[str | Text, ...]:
    """The cells of a result."""
    if reason := result.details.get("missing"):
        return result.name, "", result.theirs_name, "", "", "", str(reason), Text("missing", "yellow")
    ours, theirs = number(result.ours), number(result.theirs)
    spread = f"{ratio(result.ratio_low)} - {ratio(result.ratio_high)}"
    verdict = {True: Text("met", "green"), False: Text("MISSED", "red"), None: Text("")}[result.met]
    name = f"{result.name}, {result.unit}"
    return name, ours, result.theirs_name, theirs, ratio(result.ratio), spread, result.target, verdict


def number(value: float) -> str:
    """A figure with as many digits as mean something."""
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def ratio(value: float) -> str:
    """A ratio."""
    return "" if math.isnan(value) else f"{value:.3g}"
