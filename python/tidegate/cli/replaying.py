"""Commands that replay a recording through the real processes: replay, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.options import Home, Json
from tidegate.errors import PreconditionError


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("replay")(replay)
    app.command("demo")(demo)


def replay(
    *,
    data: Annotated[Path, typer.Argument(help="A Parquet or CSV file, in any order of rows.")],
    target: Annotated[str, typer.Option("--target", help="The column to predict: 0 and 1.")],
    time: Annotated[
        str | None, typer.Option("--time", help="The column that tells when a row was; default: row order.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Rows of one key and hour are asked about together.")
    ] = None,
    label_delay: Annotated[
        str, typer.Option("--label-delay", help="How long after a row its label is known: 90s, 6h, 2d.")
    ] = "1h",
    label_time: Annotated[
        str | None, typer.Option("--label-time", help="The column that tells when a label was known.")
    ] = None,
    reference: Annotated[
        float, typer.Option("--reference", help="The share of rows, the earliest, to learn from.")
    ] = 0.2,
    recipe: Annotated[
        list[Path] | None,
        typer.Option("--recipe", help="A recipe (JSON); once for each. Default: two, by the columns' types."),
    ] = None,
    floor: Annotated[
        float, typer.Option("--floor", min=0, max=1, help="The largest Brier score of what answers.")
    ] = 0.2,
    least: Annotated[
        float, typer.Option("--least", min=0, max=1, help="The least AUC of what may go on.")
    ] = 0.6,
    off: Annotated[bool, typer.Option("--off", help="Only serve: no diversion, no retraining.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Replay a data set: train, gate, serve in order of time, watch, divert, retrain, retire."""
    from tidegate.replay.files import Reading, read
    from tidegate.replay.rules import Rules, pace

    source = read(
        data,
        Reading(
            target=target,
            time=time,
            key=key,
            label_delay=label_delay,
            label_time=label_time,
            reference=reference,
            recipes=recipe or [],
        ),
    )
    rules = Rules(least=least, least_blind=least, floor=floor, loop=not off, pace=pace(source))

    def run(console: Any) -> dict[str, Any]:
        from tidegate.replay.run import Replay

        return Replay(source, rules, home or Path(f"{source.name}-home"), console).run()

    _told(run, as_json=as_json)


def demo(
    months: Annotated[int | None, typer.Option(min=1, help="How many months from March on.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Replay a year of flights: the whole life of a model, every number measured."""

    def run(console: Any) -> dict[str, Any]:
        from tidegate.demo import run as story

        return story.run_demo(home or story.DEFAULT_HOME, months or story.ALL_MONTHS, console=console)

    _told(run, as_json=as_json)


def _told(run: Any, *, as_json: bool) -> None:
    from rich.console import Console

    try:
        console = Console(stderr=as_json)
        # Where nobody looks at it, no table is cut.
        result = run(console if console.is_terminal else Console(stderr=as_json, width=140))
    except ModuleNotFoundError as error:
        text = f"this needs the module {error.name!r}: pip install 'tidegate[demo,training]'"
        raise PreconditionError(text) from None
    if as_json:
        output.write_json(result)
