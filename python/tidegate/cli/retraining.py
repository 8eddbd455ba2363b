"""Commands of retraining: look for faults in the data, train again, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.options import Endpoint, Home, Json, Once, Reason
from tidegate.cli.session import session
from tidegate.errors import InvalidInputError

retraining = typer.Typer(help="Retrainings on record.", no_args_is_help=True)

if TYPE_CHECKING:
    JSON = dict[str, Any]


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("retrain")(retrain)
    app.command("diagnose")(diagnose)
    app.add_typer(retraining, name="retraining")


def retrain(
    *,
    name: Endpoint,
    alarm: Annotated[int | None, typer.Option(help="The alarm that began when things changed.")] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe as JSON; default: that of the version that answers most.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Look at rows and labels up to this time.")] = None,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Train the version that answers most on what came since; register it if it is better."""
    with session(home) as verbs:
        made = verbs.retrain(name, alarm, _recipe(recipe), until, reason, idempotency_key=once)
    output.write_json(made) if as_json else _show(made)


def diagnose(
    *,
    name: Endpoint,
    since: Annotated[
        str | None,
        typer.Option(
            help="Rows since this time; default: since the newest open alarm, else the last 20,000."
        ),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Look for faults of the data: nulls, stuck values, changed units, swapped columns, new codings."""
    with session(home) as verbs:
        found = verbs.diagnose(name, since)
    if as_json:
        output.write_json(found)
        return
    rows = found["rows"]
    output.write(
        f"{name}: {rows['live']} rows since {found['since'] or '-'} against the {rows['reference']} of "
        f"version {found['version']}"
    )
    for fault in found["faults"]:
        output.write(f"{fault['fault']}: {fault['says']}")
    if not found["faults"]:
        output.write("no fault of the data")


@retraining.command("list")
def list_retrainings(name: Endpoint, home: Home = None, as_json: Json = False) -> None:
    """List the retrainings of an endpoint, and what came of each."""
    with session(home) as verbs:
        found = verbs.list_retrainings(name)
    if as_json:
        output.write_json(found)
        return
    if not found:
        output.write(f"{name}: no retraining on record")
    for row in found:
        _show(row)


def _recipe(path: Path | None) -> JSON | None:
    if path is None:
        return None
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} can't be read as a recipe: {error}") from None
    if not isinstance(body, dict):
        raise InvalidInputError(f"{path} is no recipe: expected a JSON object")
    return body


def _show(made: JSON) -> None:
    body = made["body"]
    cause = "" if made["alarm"] is None else f" for alarm {made['alarm']}"
    output.write(f"retraining {made['id']} of version {body['parent_version']}{cause}: {made['outcome']}")
    output.write(made["says"])
    for fault in body.get("diagnosis", {}).get("faults", []):
        output.write(f"{fault['fault']}: {fault['says']}")
    chosen = body.get("selection") or {}
    rows = [
        (
            row["candidate"],
            row["what"],
            row["rows"],
            *(row["losses"] or [None] * 5),
            row["difference"],
            row["se"],
            "chosen" if row["candidate"] == chosen["chosen"] else (row["reason"] or ""),
        )
        for row in chosen.get("table", [])
    ]
    if rows:
        blocks = [f"block {number}" for number in range(1, 6)]
        title = f"{chosen['loss']} since {body['t_star']}"
        output.table(rows, "set", "trained on", "rows", *blocks, "to best", "SE", "", title=title)
        output.write(chosen["says"])
