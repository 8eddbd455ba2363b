"""Commands of steering: policy, challengers, decisions, why, undo."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.options import Endpoint, Home, Json, Number, Once, Reason
from tidegate.cli.routing import show_plan, traffic
from tidegate.cli.session import session
from tidegate.errors import InvalidInputError, NotFoundError

rollout = typer.Typer(help="Steering of traffic by evidence.", no_args_is_help=True)

if TYPE_CHECKING:
    from tidegate.client import Client
    from tidegate.installation import Installation

    JSON = dict[str, Any]


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(rollout, name="rollout")
    app.command("why")(why)
    traffic.command("undo")(undo_traffic)


@rollout.command("set-policy")
def set_policy(
    *,
    name: Endpoint,
    file: Annotated[Path | None, typer.Option(help="The policy as a JSON file.")] = None,
    mode: Annotated[str | None, typer.Option(help="off, advise or auto.")] = None,
    evidence: Annotated[
        str | None, typer.Option(help="exposed, or paired: both versions' scores on the same rows.")
    ] = None,
    floor: Annotated[float | None, typer.Option(help="The mean loss that is still allowed.")] = None,
    loss: Annotated[str, typer.Option(help="The floor's loss: brier, absolute or error.")] = "brier",
    option: Annotated[
        list[str] | None, typer.Option("--set", help="MEMBER=JSON, such as eps=0.005; may be repeated.")
    ] = None,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Set how an endpoint is steered.

    What is not given stays as it is, or has its default when there was no policy; a file replaces all.
    """
    given: JSON = {key: value for key, value in (("mode", mode), ("evidence", evidence)) if value is not None}
    if floor is not None:
        given["floor"] = {"loss": loss, "threshold": floor}
    given |= dict(_member(text) for text in option or [])
    with session(home) as verbs:
        before = _before(verbs, name) if file is None else _read(file)
        made = verbs.set_policy(name, before | given, reason, idempotency_key=once)
    _show_policy(made, as_json=as_json)


@rollout.command("policy")
def get_policy(name: Endpoint, home: Home = None, as_json: Json = False) -> None:
    """Show how an endpoint is steered."""
    with session(home) as verbs:
        found = verbs.get_policy(name)
    _show_policy(found, as_json=as_json)


@rollout.command("challenge")
def challenge(
    *,
    name: Endpoint,
    version: Number,
    reason: Reason = "",
    retraining: Annotated[int | None, typer.Option(help="The retraining that it came from.")] = None,
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Let a version challenge the champion: a shadow first, then up the ladder."""
    with session(home) as verbs:
        made = verbs.challenge(name, version, reason, retraining, idempotency_key=once)
    output.write_json(made) if as_json else output.write(made["says"])


@rollout.command("steer")
def steer(
    *,
    name: Endpoint,
    until: Annotated[
        str | None, typer.Option(help="The event time to look up to; default: as far as the log goes.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Judge every pane whose labels have had their time. A server does it by itself."""
    with session(home) as verbs:
        made = verbs.steer(name, until, idempotency_key=once)
    if as_json:
        output.write_json(made)
    else:
        output.write(f"{made['panes']} pane{'' if made['panes'] == 1 else 's'} judged")
        _show_decisions(made["decisions"])


@rollout.command("decisions")
def list_decisions(
    *,
    name: Endpoint,
    since: Annotated[str | None, typer.Option(help="From this event time on.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show panes at which nothing moved too.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List what was decided about an endpoint's traffic."""
    with session(home) as verbs:
        found = verbs.list_decisions(name, since, everything)
    output.write_json(found) if as_json else _show_decisions(found)


def why(
    *,
    name: Endpoint,
    at: Annotated[str | None, typer.Option(help="An event time; default: now.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say who answers what share, since when, because of which evidence, and what comes next."""
    with session(home) as verbs:
        found = verbs.why(name, at)
    if as_json:
        output.write_json(found)
        return
    for sentence in found["says"]:
        output.write(sentence)


def undo_traffic(
    *, name: Endpoint, reason: Reason = "", home: Home = None, as_json: Json = False, once: Once = None
) -> None:
    """Take back the newest change of traffic, slot for slot; again, one plan further back."""
    with session(home) as verbs:
        plan = verbs.undo_traffic(name, reason, idempotency_key=once)
    show_plan(plan, as_json=as_json)


def _show_policy(found: JSON, *, as_json: bool) -> None:
    if as_json:
        output.write_json(found)
        return
    output.write(
        f"policy {found['id']} of {found['endpoint']}, by {found['created_by']}: {found['reason'] or '-'}"
    )
    output.facts(found["body"], *found["body"])


def _show_decisions(found: Iterable[JSON]) -> None:
    rows = [
        (row["id"], row["at"][:16].replace("T", " "), row["rule"], row["action"], row["says"])
        for row in found
    ]
    if rows:
        output.table(rows, "id", "event time", "rule", "action", "says")


def _before(verbs: Client | Installation, endpoint: str) -> JSON:
    """The policy that holds; nothing when there is none."""
    try:
        body: JSON = verbs.get_policy(endpoint)["body"]
    except NotFoundError:
        return {}
    return body


def _read(file: Path) -> JSON:
    try:
        found = json.loads(file.read_text())
    except OSError as error:
        raise InvalidInputError(f"{file} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise InvalidInputError(f"{file} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInputError(f"{file} holds no JSON object")
    return found


def _member(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    try:
        read = json.loads(value)
    except ValueError:
        separator, read = "", None
    if not separator or not name:
        raise InvalidInputError(f"{text!r} is no MEMBER=JSON, such as eps=0.005 or ladder=[1,10,50,99]")
    return name, read
