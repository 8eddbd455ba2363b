"""Commands for endpoints and their traffic."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.loadings import show_quarantined
from tidegate.cli.options import Endpoint, Home, Json, Once, Reason
from tidegate.cli.session import session
from tidegate.errors import InvalidInputError

endpoint = typer.Typer(help="Endpoints: the names that clients call.", no_args_is_help=True)
traffic = typer.Typer(help="Traffic: which versions answer.", no_args_is_help=True)
rule = typer.Typer(help="Rules: headers and columns that decide before the weights.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Adds the groups."""
    app.add_typer(endpoint, name="endpoint")
    traffic.add_typer(rule, name="rule")
    app.add_typer(traffic, name="traffic")


@endpoint.command("create")
def create_endpoint(
    *,
    name: Endpoint,
    model: Annotated[str, typer.Argument(help="The model whose versions answer.")],
    version: Annotated[
        str | None, typer.Option(help="The version whose contract it takes; default: the newest.")
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME:DATATYPE[:ROLE], a column that is logged and never scored; ROLE key, segment, log."
        ),
    ] = None,
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Open an endpoint over a model; `traffic set` then says who answers."""
    columns = [_context(text) for text in context or []] or None
    with session(home) as verbs:
        made = verbs.create_endpoint(name, model, version, context=columns, idempotency_key=once)
    output.write_json(made) if as_json else output.write(f"endpoint {name} created over model {model}")


@endpoint.command("list")
def list_endpoints(home: Home = None, as_json: Json = False) -> None:
    """List all endpoints."""
    with session(home) as verbs:
        found = verbs.list_endpoints()
    if as_json:
        output.write_json(found)
    else:
        rows = [
            (row["name"], row["model"], len(row["contract"]["inputs"]), row["created_at"]) for row in found
        ]
        output.table(rows, "endpoint", "model", "inputs", "created")


@endpoint.command("show")
def get_endpoint(name: Endpoint, home: Home = None, as_json: Json = False) -> None:
    """Show an endpoint and its contract."""
    with session(home) as verbs:
        found = verbs.get_endpoint(name)
    if as_json:
        output.write_json(found)
        return
    output.facts(found, "name", "model", "id", "created_at", "created_by")
    contract = found["contract"]
    rows = [
        ("input", spec["name"], spec["datatype"], ", ".join(spec["columns"])) for spec in contract["inputs"]
    ]
    rows += [("context", spec["name"], spec["datatype"], spec["role"]) for spec in contract["context"]]
    rows += [("output", spec["name"], spec["datatype"], str(spec["shape"])) for spec in contract["outputs"]]
    output.table(rows, "kind", "name", "datatype", "columns")


@traffic.command("set")
def set_traffic(
    *,
    name: Endpoint,
    weights: Annotated[
        list[str], typer.Argument(metavar="VERSION=WEIGHT...", help="Shares of 1, such as 1=0.9 2=0.1.")
    ],
    shadow: Annotated[
        list[str] | None, typer.Option(help="A version that is scored and never answers; may be repeated.")
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Also score each version on what the others answer.")
    ] = False,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Divide an endpoint's requests over versions."""
    shares = _weights(weights)
    with session(home) as verbs:
        plan = verbs.set_traffic(name, shares, shadow or [], reason, mirror, idempotency_key=once)
    show_plan(plan, as_json=as_json)


@traffic.command("show")
def get_traffic(name: Endpoint, home: Home = None, as_json: Json = False) -> None:
    """Show who answers an endpoint's requests."""
    with session(home) as verbs:
        plan = verbs.get_traffic(name)
    show_plan(plan, as_json=as_json)


@rule.command("add")
def add_rule(
    *,
    name: Endpoint,
    version: Annotated[str, typer.Argument(help="The version that answers.")],
    header: Annotated[str | None, typer.Option(help="NAME=VALUE of a header, such as x-tier=gold.")] = None,
    column: Annotated[str | None, typer.Option(help="NAME=VALUE of a column, such as region=EU.")] = None,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Send what has a header or a column value to one version, after the rules that are there."""
    if (header is None) == (column is None):
        raise InvalidInputError("give either --header or --column")
    subject, _, equals = (header or column or "").partition("=")
    made = {"header" if header else "column": subject.lower() if header else subject, "equals": equals}
    with session(home) as verbs:
        rules = [*verbs.get_traffic(name)["rules"], {**made, "version": version}]
        plan = verbs.set_rules(name, rules, reason, idempotency_key=once)
    show_rules(plan, as_json=as_json)


@rule.command("list")
def list_rules(name: Endpoint, home: Home = None, as_json: Json = False) -> None:
    """List an endpoint's rules, in the order in which they are asked."""
    with session(home) as verbs:
        plan = verbs.get_traffic(name)
    show_rules(plan, as_json=as_json)


@rule.command("remove")
def remove_rule(
    *,
    name: Endpoint,
    number: Annotated[int, typer.Argument(min=1, help="Its number in the list.")],
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Remove a rule."""
    with session(home) as verbs:
        rules = verbs.get_traffic(name)["rules"]
        if number > len(rules):
            raise InvalidInputError(f"there is no rule {number}; endpoint {name} has {len(rules)}")
        plan = verbs.set_rules(name, rules[: number - 1] + rules[number:], reason, idempotency_key=once)
    show_rules(plan, as_json=as_json)


def show_rules(plan: dict[str, Any], *, as_json: bool) -> None:
    """The rules of a plan as a table, or as JSON."""
    if as_json:
        output.write_json(plan["rules"])
        return
    rows = [
        (
            number,
            "header" if row["header"] else "column",
            row["header"] or row["column"],
            row["equals"],
            row["version"],
        )
        for number, row in enumerate(plan["rules"], 1)
    ]
    output.table(rows, "rule", "by", "name", "equals", "version")


def show_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    """A plan as a table, or as JSON."""
    if as_json:
        output.write_json(plan)
        return
    rows = [
        (row["version"], "shadow" if row["shadow"] else f"{row['weight']:.2%}", row["digest"][:19])
        for row in plan["variants"]
    ]
    title = f"{plan['endpoint']} since generation {plan['generation']}"
    output.table(
        rows, "version", "share", "digest", title=f"{title}: {plan['reason']}" if plan["reason"] else title
    )
    show_quarantined(plan["quarantined"])


def _weights(given: list[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in given:
        version, separator, weight = text.partition("=")
        try:
            share = float(weight)
        except ValueError:
            separator, share = "", 0.0
        if not separator or not version:
            raise InvalidInputError(f"{text!r} is no VERSION=WEIGHT, such as 2=0.1")
        if version in shares:
            raise InvalidInputError(f"version {version} is named twice")
        shares[version] = share
    return shares


def _context(text: str) -> dict[str, str]:
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise InvalidInputError(f"{text!r} is no NAME:DATATYPE[:ROLE], such as tail:BYTES:key")
    name, datatype, *role = parts
    return {"name": name, "datatype": datatype.upper(), "role": role[0] if role else "log"}
