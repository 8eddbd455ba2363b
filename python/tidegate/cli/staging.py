"""Commands that move versions between stages: promote, approve, gates, retire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli import output, registering
from tidegate.cli.options import Home, Json, Model, Number, Once, Reason
from tidegate.cli.session import session

Stage = Annotated[str, typer.Argument(help="The stage, such as uat or production.")]

if TYPE_CHECKING:
    JSON = dict[str, Any]


def add(_: typer.Typer) -> None:
    """Adds the commands to the group ``version``."""
    group = registering.version
    group.command("promote")(promote_version)
    group.command("approve")(approve_version)
    group.command("gates")(version_gates)
    group.command("retire")(retire_version)


def promote_version(
    *,
    name: Model,
    number: Number,
    stage: Stage,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Move a version to another stage, if its gates pass."""
    with session(home) as verbs:
        made = verbs.promote_version(name, number, stage, reason, idempotency_key=once)
    _say(made, f"is in {stage}, from {made['promotion']['from_stage']}", as_json=as_json)


def approve_version(
    *,
    name: Model,
    number: Number,
    stage: Stage,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Approve a version for a stage; whoever registered it can't. Needs the key of an approver."""
    with session(home) as verbs:
        given = verbs.approve_version(name, number, stage, reason, idempotency_key=once)
    _say(given, f"is approved for {stage} by {given['created_by']}", as_json=as_json)


def retire_version(
    *,
    name: Model,
    number: Number,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """End a version's service: out of the plans in which it shadows, then archived."""
    with session(home) as verbs:
        made = verbs.retire_version(name, number, reason, idempotency_key=once)
    left = f"; it no longer shadows {', '.join(made['left'])}" if made["left"] else ""
    said = f"is retired: in {made['stage']}, from {made['promotion']['from_stage']}{left}"
    _say(made, said, as_json=as_json)


def _say(done: JSON, said: str, *, as_json: bool) -> None:
    """What became of a version: the whole answer, or one line."""
    if as_json:
        output.write_json(done)
    else:
        output.write(f"version {done['version']} of {done['model']} {said}")


def version_gates(
    *,
    name: Model,
    number: Number,
    stage: Annotated[
        str | None, typer.Option("--stage", help="The move to this stage alone; default: all moves.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show what passed and what is missing for a version's moves, and those that it made."""
    with session(home) as verbs:
        found = verbs.version_gates(name, number, stage)
    output.write_json(found) if as_json else _show(found)


def _show(found: JSON) -> None:
    output.write(
        f"version {found['version']} of {found['model']} is in {found['stage']}, "
        f"registered by {found['created_by']} ({found['digest']})"
    )
    rows = [
        (move["to"], gate["gate"], "passed" if gate["passed"] else "missing", gate["says"])
        for move in found["moves"]
        for gate in move["gates"] or [{"gate": "-", "passed": True, "says": "no gate"}]
    ]
    output.table(rows, "to", "gate", "verdict", "because")
    for move in found["moves"]:
        for gate in move["gates"]:
            if gate["command"] is not None:
                output.write(f"{move['to']} needs {gate['gate']}: {gate['command']}")
    for given in found["approvals"]:
        output.write(f"approved for {given['stage']} by {given['created_by']} at {given['created_at']}")
    for made in found["history"]:
        holds = "" if made["holds"] else "; its verdicts do NOT follow from what is stored"
        output.write(
            f"moved from {made['from_stage']} to {made['to_stage']} by {made['created_by']} "
            f"at {made['created_at']}{holds}"
        )
