"""What the demo shows while it runs: a line per step, bars for what takes long, and the table at the end."""

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
        """One step of the demo; its time is kept under ``name`` when it ends well."""
        self.console.print(f"[bold]{title}[/bold]")
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun
        self.console.print(f"  [dim]{self.seconds[name]:.1f} s[/dim]")

    def say(self, text: str) -> None:
        """One line of what was found."""
        self.console.print(f"  {text}", highlight=False, soft_wrap=True)

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
        """What the year rests on, and where to look further."""
        check, log = result["check"], result["log"]
        self.console.print()
        self.say(
            f"log: {log['accepted']:,} predictions accepted, {log['logged']:,} logged,"
            f" {log['dropped']:,} dropped (gap {check['gap']})"
        )
        self.say(
            f"drift, recomputed from {check['rows']:,} logged rows with numpy and scipy: largest difference"
            f" of PSI {check['psi_difference']:.1e}, of the KS numerator {check['ks_numerator_difference']},"
            f" of scipy's KS {check['ks_scipy_difference']:.1e}; {check['cells_differing']} counters differ"
        )
        self.say(f"report: {result['home']}/report.html")
        self.say(f"look further: tidegate serve --home {result['home']}")


def models_table(result: dict[str, Any]) -> Table:
    """What was trained, and what each version does."""
    table = _table("Models, judged on held-out rows")
    for name in ("version", "model"):
        table.add_column(name, no_wrap=True)
    for name in ("inputs", "AUC", "Brier", "ONNX\noff by", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("traffic", no_wrap=True)
    for one in result["models"]:
        table.add_row(
            one["version"],
            one["name"],
            str(one["features"]),
            figure(one["auc"]),
            figure(one["brier"], 4),
            f"{one['conversion_difference']:.1e}",
            f"{one['seconds']:.1f}",
            one["work"],
        )
    return table


def months_table(result: dict[str, Any]) -> Table:
    """The closing table: one row per month."""
    table = _table("Month by month")
    table.add_column("month", no_wrap=True)
    at_work = [one for one in result["models"] if one["work"]]
    answering = [one for one in at_work if one["work"] != "shadow"]
    names = ["rows", "late", *(f"share\nof {one['version']}" for one in answering)]
    names += [f"AUC\nof {one['version']}{'*' if one['work'] == 'shadow' else ''}" for one in at_work]
    names += ["drifted"]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("furthest", no_wrap=True)
    for month in result["months"]:
        versions = month["versions"]
        table.add_row(
            month["month"],
            f"{month['rows']:,}",
            percent(month["late_rate"]),
            *(percent(versions.get(one["version"], {}).get("share"), 0) for one in answering),
            *(figure(versions.get(one["version"], {}).get("auc")) for one in at_work),
            f"{len(month['drifted'])}/{len(month['features'])}",
            *month["drifted"][:1],
        )
    if len(at_work) > len(answering):
        table.caption = "* shadow: scored, never answered"
    return table


def _table(title: str) -> Table:
    left: JustifyMethod = "left"
    return Table(title=title, title_justify=left, caption_justify=left, box=SIMPLE_HEAD, padding=0)


def drifted(month: dict[str, Any], named: int = 3) -> str:
    """How many features of how many, and the first of them by name."""
    names = month["drifted"]
    few = ", ".join(names[:named]) + (", …" if len(names) > named else "")
    return f"{len(names)} of {len(month['features'])}" + (f": {few}" if names else "")


def figure(value: float | None, digits: int = 3) -> str:
    """A number, or a dash for one that is not defined."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent, or a dash."""
    return "–" if value is None else f"{value:.{digits}%}"
