"""Commands for the data port: score rows, tell what really happened."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli import output, rows
from tidegate.cli.options import Endpoint, Home, Json
from tidegate.cli.session import client
from tidegate.errors import InvalidInputError

SHOWN_ROWS = 20


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("score")(score)
    app.command("feedback")(feedback)


def score(
    *,
    name: Endpoint,
    source: Annotated[
        str, typer.Option("--input", help="Rows: .json, .jsonl, .csv or .parquet; - is standard input.")
    ] = "-",
    routing_key: Annotated[
        str | None, typer.Option(help="Who asks: equal keys get the same version.")
    ] = None,
    event_time: Annotated[str | None, typer.Option(help="When it happened: ISO 8601 with a zone.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows in one request.")] = 1000,
    target: Annotated[
        Path | None,
        typer.Option("--output", help="Score a file without a server into this Parquet file."),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="With --output: the version; default: the only one that answers.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="With --output: a column to copy; may be repeated.")
    ] = None,
    drop_unknown: Annotated[
        bool, typer.Option("--drop-unknown", help="With --output: leave out what the endpoint does not know.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Score rows on a running server, or with --output a whole file without one.

    A file is scored in parts by one version of the home's newest deployment; an interrupted command goes on
    where it was. Its rows are neither logged as predictions nor counted for drift.
    """
    if target is not None:
        if routing_key is not None or event_time is not None:
            raise InvalidInputError("--routing-key and --event-time belong to a request, not to a file")
        _file(
            name,
            Path(source),
            target,
            home,
            as_json=as_json,
            version=version,
            keep=keep,
            drop_unknown=drop_unknown,
            batch=batch,
        )
        return
    if version is not None or keep or drop_unknown:
        raise InvalidInputError("--version, --keep and --drop-unknown need --output")
    records = rows.read(source, "records")
    if not records:
        raise InvalidInputError(f"{source} holds no rows")
    moment = None if event_time is None else _moment(event_time)
    with client(home) as server:
        for start in range(0, len(records), batch):
            part = records[start : start + batch]
            answer = server.score(name, part, routing_key=routing_key, event_time=moment)
            if as_json:
                output.write_json(answer, indent=None)
            else:
                _show(answer)


def _file(name: str, source: Path, target: Path, home: Path | None, *, as_json: bool, **how: Any) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from tidegate.scoring import score_file
    from tidegate.settings import choose_home

    if not source.is_file():
        raise InvalidInputError(f"there is no file {source}")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(source.name, total=None)

        def tell(done: int, rows: int) -> None:
            bar.update(task, completed=done, total=rows)

        job = score_file(choose_home(home).absolute(), name, source, target, tell=tell, **how)
    if as_json:
        output.write_json(job.to_json() | {"output": str(target)})
    else:
        output.write(f"{job.rows} rows by version {job.version} ({job.runs_on}) in {target}")


def feedback(
    source: Annotated[
        str, typer.Option("--input", help="Labels: .json, .jsonl, .csv or .parquet; - is standard input.")
    ] = "-",
    endpoint: Annotated[
        str | None, typer.Option(help="The endpoint that answered, if there are several.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Labels in one request.")] = 1000,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Tell what really happened: labels with prediction_id, row and label."""
    labels = rows.read(source, "labels")
    if not labels:
        raise InvalidInputError(f"{source} holds no labels")
    accepted = 0
    with client(home) as server:
        for start in range(0, len(labels), batch):
            accepted += server.feedback(labels[start : start + batch], endpoint=endpoint)["accepted"]
    output.write_json({"accepted": accepted}) if as_json else output.write(f"{accepted} labels accepted")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"--event-time {text!r} is no ISO 8601 time") from None


def _show(answer: dict[str, Any]) -> None:
    output.write(
        f"prediction {answer['prediction_id']}: {answer['rows']} rows by {answer['model']} "
        f"version {answer['version']} ({answer['route']})"
    )
    predictions = answer["predictions"]
    names = list(predictions[0])
    shown = [[number, *row.values()] for number, row in enumerate(predictions[:SHOWN_ROWS])]
    output.table(shown, "row", *names)
    if len(predictions) > SHOWN_ROWS:
        output.write(f"... and {len(predictions) - SHOWN_ROWS} more; --json prints all")
