"""What a replay shows while it runs: a line per step, bars for what takes long, and the tables at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

Advance = Callable[..., None]


class View:
    """Writes to ``console`` and keeps how long each step took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """One step of the replay; its time is kept under ``name`` when it ends well."""
        self.console.print(f"[bold]{title}[/bold]")
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun
        self.console.print(f"  [dim]{self.seconds[name]:.1f} s[/dim]")

    def say(self, text: str) -> None:
        """One line of what was found."""
        self.console.print(f"  {text}", highlight=False, soft_wrap=True, markup=False)

    @contextmanager
    def bars(self) -> Iterator[Progress]:
        """Progress bars; each of their tasks has a description, a total and what is completed."""
        with Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
        ) as progress:
            yield progress

    def show(self, table: Table) -> None:
        """A table with an empty line before it."""
        self.console.print()
        self.console.print(table)

    def conclude(self, result: dict[str, Any]) -> None:
        """What the figures rest on, and where to look further."""
        check, log = result["check"], result["log"]
        numerator = figure(check["ks_numerator_difference"], 0)
        self.console.print()
        self.say(
            f"log: {log['accepted']:,} predictions accepted, {log['logged']:,} logged,"
            f" {log['dropped']:,} dropped (gap {check['gap']})"
        )
        self.say(
            f"drift, recomputed from {check['rows']:,} logged rows with numpy and scipy: largest difference"
            f" of PSI {check['psi_difference']:.1e}, of the KS numerator {numerator},"
            f" of scipy's KS {check['ks_scipy_difference'] or 0.0:.1e};"
            f" {check['cells_differing']} counters differ"
        )
        self.say(f"report: {result['home']}/report.html")
        self.say(f"look further: tidegate serve --home {result['home']}")


def candidates_table(result: dict[str, Any]) -> Table:
    """What was trained, and how far each version came."""
    table = table_of("First candidates, judged on the latest of their makers' rows")
    for name in ("version", "model"):
        table.add_column(name, no_wrap=True)
    for name in ("inputs", "AUC", "Brier", "ONNX\noff by", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("came to be", no_wrap=True)
    for one in result["candidates"]:
        table.add_row(
            one["version"],
            one["name"],
            str(one["features"]),
            figure(one["auc"]),
            figure(one["brier"], 4),
            f"{one['conversion_difference']:.1e}",
            f"{one['seconds']:.1f}",
            "refused by a gate" if one["refused"] else one["work"] or "passed",
        )
    return table


def periods_table(result: dict[str, Any]) -> Table:
    """The closing table: one row per month or day."""
    table = table_of(f"{result['period'].capitalize()} by {result['period']}")
    table.add_column(result["period"], no_wrap=True)
    for name in (result["noun"], f"{result['target']}\nrate", "AUC", "Brier"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("answered by version", no_wrap=True)
    table.add_column("drifted", justify="right", no_wrap=True)
    table.add_column("furthest", no_wrap=True)
    for row in result["periods"]:
        table.add_row(
            row["period"],
            f"{row['rows']:,}",
            percent(row["rate"]),
            figure(row["answers"]["auc"]),
            figure(row["answers"]["brier"], 4),
            shares(row),
            f"{len(row['drifted'])}/{len(row['features'])}",
            *row["drifted"][:1],
        )
    return table


def shares(row: dict[str, Any]) -> str:
    """Who answered a period's rows, most first: ``4 81%, 6 19%``."""
    answered = {version: one["share"] for version, one in row["versions"].items() if one["answered"]}
    most = sorted(answered, key=lambda version: -answered[version])
    return ", ".join(f"{version} {answered[version]:.0%}" for version in most)


def table_of(title: str) -> Table:
    """An empty table in the replay's style."""
    left: JustifyMethod = "left"
    return Table(title=title, title_justify=left, caption_justify=left, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def drifted(row: dict[str, Any], named: int = 3) -> str:
    """How many features of how many, and the first of them by name."""
    names = row["drifted"]
    few = ", ".join(names[:named]) + (", …" if len(names) > named else "")
    return f"{len(names)} of {len(row['features'])}" + (f": {few}" if names else "")


def figure(value: float | None, digits: int = 3) -> str:
    """A number, or a dash for one that is not defined."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent, or a dash."""
    return "–" if value is None else f"{value:.{digits}%}"
