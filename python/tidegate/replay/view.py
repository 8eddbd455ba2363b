"""What a replay shows while it runs: a line per step, bars for what takes long, and the tables at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
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

from tidegate.replay.story import compact

JSON = dict[str, Any]
PICTURE = "year.svg"
_QUIET = {"hold", "cooldown", "shadow", "policy", "no_data", "admit"}
MANY = 40
"""Sentences of the story; of a longer one the moves of single rungs are left out."""


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

    def tell_story(self, result: JSON) -> None:
        """What was decided and done, with the reasons."""
        self.console.print()
        self.console.print("[bold]Decisions and their reasons[/bold]")
        for at, says in sentences(result):
            self.say(f"{at[:10]}  {says}")
        for says in result["why"]:
            self.say(f"now: {says}")

    def conclude(self, result: JSON) -> None:
        """What the figures rest on, and where to look further."""
        check, log = result["check"], result["log"]
        numerator = figure(check["ks_numerator_difference"], 0)
        self.console.print()
        for says in worth_in_words(result) if "worth" in result else []:
            self.say(says)
        self.say(control_in_words(result["control"]))
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
        self.say(f"report: {result['home']}/report.html; the year in one picture: {result['home']}/{PICTURE}")
        self.say(f"look further: tidegate serve --home {result['home']}")


def candidates_table(result: JSON) -> Table:
    """What was trained, and how far each version came."""
    table = table_of("First candidates: on the latest of their makers' rows, and on the sealed set")
    for name in ("version", "model"):
        table.add_column(name, no_wrap=True)
    for name in ("inputs", "AUC", "Brier", "sealed\nAUC", "ONNX\noff by", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("came to be", no_wrap=True)
    for one in result["candidates"]:
        table.add_row(
            one["version"],
            one["name"],
            str(one["features"]),
            figure(one["auc"]),
            figure(one["brier"], 4),
            figure((one["blind"] or {}).get("auc")),
            f"{one['conversion_difference']:.1e}",
            f"{one['seconds']:.1f}",
            "refused by a gate" if one["refused"] else one["work"] or "passed",
        )
    return table


def periods_table(result: JSON) -> Table:
    """The closing table: one row per month or day."""
    table = table_of(f"{result['period'].capitalize()} by {result['period']}")
    worth = {row["period"]: row for row in result["worth"]["periods"]} if "worth" in result else {}
    table.add_column(result["period"], no_wrap=True)
    table.add_column("answered by", overflow="fold", min_width=11)
    for name in (f"{result['target']}\nrate", "AUC\nstale", "AUC\nnow", "in alarm"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("features", overflow="fold")
    table.add_column("decisions", overflow="fold")
    for row in result["periods"]:
        auc = worth.get(row["period"], {}).get("auc", {"stale": None, "current": row["answers"]["auc"]})
        table.add_row(
            row["period"],
            shares(row),
            percent(row["rate"]),
            figure(auc["stale"]),
            figure(auc["current"]),
            str(len(row["alarms"])),
            few(row["alarms"]),
            compact(row["story"]) or "–",
        )
    if worth:
        table.caption = "stale: the first champion alone, on the same rows, with the loop switched off"
    return table


def worth_table(result: JSON) -> Table:
    """What the loop was worth, good or bad: one row per period, then all."""
    worth = result["worth"]
    table = table_of("What the loop was worth: with it less without it, ± one standard error")
    table.add_column(result["period"], no_wrap=True)
    for name in (result["noun"], "AUC", "Brier", f"{result['target']} found\nwith", "without", "more"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in [*worth["periods"], {"period": "all", **worth["all"]}]:
        hits = row["hits"]
        table.add_row(
            row["period"],
            f"{row['rows']:,}",
            gain(row["auc"], 4),
            gain(row["brier"], 5),
            f"{hits['current']:,.0f}",
            f"{hits['stale']:,.0f}",
            gain(hits, 0),
        )
    table.caption = (
        f"AUC of all: the mean of the {result['period']}s'; found: {result['target']} among the"
        f" {worth['flagged']:.0%} of each {result['period']}'s labelled rows with the highest scores"
    )
    return table


def worth_in_words(result: JSON) -> list[str]:
    """The sum of it: better, worse, or not to be told from nothing."""
    whole = result["worth"]["all"]
    names = {"auc": ("AUC", 4), "brier": ("Brier score", 5), "hits": (f"{result['target']} found", 0)}
    said = []
    for name, (shown, digits) in names.items():
        one = whole[name]
        sure = one["error"] and abs(one["gain"]) > 2 * one["error"]
        verdict = ("better" if one["better"] else "worse") if sure else "no difference that can be told"
        beside = f"{figure(one['current'], digits)} with the loop, {figure(one['stale'], digits)} without"
        said.append(f"{shown}: {beside}, {gain(one, digits)}: {verdict}")
    return said


def control_in_words(control: JSON) -> str:
    """What the shuffled control said."""
    largest = "none could be judged" if control["largest"] is None else f"{control['largest']:.1f}"
    return (
        f"shuffled control: the same rows in random order, {control['streams']} streams,"
        f" {control['checks']} checks each: {control['alarms']} alarms"
        f" (largest log evidence {largest}, an alarm from {control['ln_alarm']:.1f})"
    )


def gain(one: JSON, digits: int) -> str:
    """A difference with its standard error."""
    if one["gain"] is None:
        return "–"
    error = "" if one["error"] is None else f" ± {one['error']:.{digits}f}"
    return f"{one['gain']:+.{digits}f}{error}"


def shares(row: JSON) -> str:
    """Who answered a period's rows, most first: ``4 81%, 6 19%``."""
    answered = {version: one["share"] for version, one in row["versions"].items() if one["answered"]}
    most = sorted(answered, key=lambda version: -answered[version])
    return ", ".join(f"{version} {answered[version]:.0%}" for version in most)


def few(names: Sequence[str], named: int = 3) -> str:
    """The first of several names."""
    return ", ".join(names[:named]) + (", …" if len(names) > named else "")


def sentences(result: JSON) -> list[tuple[str, str]]:
    """Decisions that moved something and what people did, in the order of event time."""
    moves = [(one["at"], one["says"]) for one in result["decisions"] if one["rule"] not in _QUIET]
    acts = [(one["at"], one["says"]) for one in result["acts"] if one["kind"] != "alarm"]
    told = sorted([*moves, *acts], key=lambda one: one[0])
    if len(told) <= MANY:
        return told
    steps = [one["says"] for one in result["decisions"] if one["rule"] in {"step_up", "step_down"}]
    return [one for one in told if one[1] not in steps]


def table_of(title: str) -> Table:
    """An empty table in the replay's style."""
    left: JustifyMethod = "left"
    return Table(title=title, title_justify=left, caption_justify=left, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def drifted(row: JSON, named: int = 3) -> str:
    """How many features of how many, and the first of them by name."""
    names = row["drifted"]
    return f"{len(names)} of {len(row['features'])}" + (f": {few(names, named)}" if names else "")


def figure(value: float | None, digits: int = 3) -> str:
    """A number, or a dash for one that is not defined."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent, or a dash."""
    return "–" if value is None else f"{value:.{digits}%}"
