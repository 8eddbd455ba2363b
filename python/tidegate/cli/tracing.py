"""Commands that look back: where an answer came from, and what served at a moment."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.options import Home, Json
from tidegate.cli.session import session

JSON = dict[str, Any]


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("lineage")(lineage)
    app.command("as-of")(as_of)


def lineage(
    prediction_id: Annotated[str, typer.Argument(help="What the answer carried as prediction_id.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Follow a prediction to its version, gates, people, data, recipe, code and what caused it."""
    with session(home) as verbs:
        found = verbs.lineage(prediction_id)
    if as_json:
        output.write_json(found)
        return
    prediction, plan, then = found["prediction"], found["plan"], found["then"]
    _line("prediction", f"{prediction['prediction_id']}, {len(prediction['rows'])} rows")
    _line("received", f"{prediction['received_at']}; event time {prediction['event_time']}")
    _line("endpoint", f"{prediction['endpoint']}, generation {prediction['generation']}")
    _line(
        "plan",
        f"since generation {plan['generation']}, {plan['created_at']}, by {plan['created_by']}: "
        f"{plan['reason'] or '-'}; {_shares(plan['variants'])}",
    )
    _line(
        "stood in",
        f"{then['stage']} at that moment, since {then['since']}, by {then['by']}"
        f"{_approved(then['approvers'])}",
    )
    version, role = found["version"], "version"
    while version is not None:
        _version(version, role)
        version, role = version["parent"], "parent"


def as_of(
    moment: Annotated[
        str, typer.Argument(metavar="TIME", help="RFC 3339, or a date: its first moment in UTC.")
    ],
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="This endpoint alone; default: all.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show what served at a moment, and who and what had let it."""
    with session(home) as verbs:
        found = verbs.as_of(moment, endpoint)
    if as_json:
        output.write_json(found)
        return
    output.write(f"at {found['moment']}: {found['says'] or 'generation ' + str(found['generation'])}")
    for told in found["endpoints"]:
        if told["plan"] is None:
            output.write(told["says"])
        else:
            _plan(told["plan"])


def _plan(plan: JSON) -> None:
    rows = [
        (
            row["version"],
            _share(row),
            row["stage"],
            row["since"],
            ", ".join(row["approvers"]) or None,
            ", ".join(map(_dataset, row["datasets"])) or None,
            row["recipe"] and row["recipe"][:19],
        )
        for row in plan["variants"]
    ]
    title = (
        f"{plan['endpoint']} since generation {plan['generation']}, {plan['created_at']}, "
        f"by {plan['created_by']}: {plan['reason'] or '-'}"
    )
    columns = ("version", "share", "stage then", "since", "approved by", "dataset", "recipe")
    output.table(rows, *columns, title=title)
    for row in plan["variants"]:
        for gate in row["gates"]:
            output.write(f"version {row['version']}, {_gate(gate)}")


def _version(version: JSON, role: str) -> None:
    """Everything about one version, a line each."""
    if role == "parent":
        output.write("")
    _line(role, f"{version['model']} {version['version']} ({version['digest']})")
    _line("registered", f"by {version['created_by']} at {version['created_at']}")
    for move in version["stages"]:
        why = f": {move['reason']}" if move["reason"] else ""
        _line("stage", f"{move['to']} since {move['at']}, by {move['by']}{_approved(move['approvers'])}{why}")
        for gate in move["gates"]:
            _line("", _gate(gate))
    for verdict in version["blind"]:
        figures = ", ".join(f"{name} {output.shown(value)}" for name, value in verdict["figures"].items())
        _line(
            "blind",
            f"set {verdict['blind_set']}, by {verdict['created_by']} at {verdict['created_at']}: {figures}",
        )
    for dataset in version["datasets"]:
        _line("dataset", _dataset(dataset, whole=True))
    _line("recipe", output.shown(version["recipe"]))
    _line("code", output.shown(version["code"]))
    alarm, retraining = version["alarm"], version["retraining"]
    if alarm is not None:
        from tidegate.monitoring.alarms import sentence

        _line(
            "cause",
            f"alarm {alarm['id']} at {alarm['alarmed_at']} on {alarm['endpoint']}, "
            f"version {alarm['version']}: {sentence(alarm | alarm['verdict'])}",
        )
    if retraining is not None:
        _line(
            "retraining",
            f"{retraining['id']} by {retraining['created_by']} at {retraining['created_at']}: "
            f"{retraining['says']}",
        )


def _line(name: str, text: str) -> None:
    output.write(f"{name:<12}{text}")


def _gate(gate: JSON) -> str:
    return f"gate {gate['gate']} {'passed' if gate['passed'] else 'did NOT pass'}: {gate['says']}"


def _approved(names: list[str]) -> str:
    return f", approved by {', '.join(names)}" if names else ""


def _shares(variants: list[JSON]) -> str:
    return ", ".join(f"version {variant['version']} {_share(variant)}" for variant in variants)


def _share(variant: JSON) -> str:
    return "shadow" if variant["shadow"] else f"{variant['weight']:.2%}"


def _dataset(dataset: JSON, *, whole: bool = False) -> str:
    """A dataset's name and version, else its digest; both and more for a line of its own."""
    name = f"{dataset['name']} {dataset['version']}" if "name" in dataset else None
    if not whole:
        return name or str(dataset["digest"][:19])
    if name is None:
        return f"({dataset['digest']})"
    times = f", {dataset['time_from']} to {dataset['time_to']}" if dataset["time_from"] else ""
    return f"{name}, {dataset['rows']} rows{times} ({dataset['digest']})"
