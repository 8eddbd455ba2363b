"""Commands for the prediction log: what is kept of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.options import Endpoint, Home, Json, Once, Reason
from tidegate.cli.session import session
from tidegate.errors import InvalidInputError

log = typer.Typer(help="The prediction log: sampling, masks, retention.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(log, name="log")


@log.command("set")
def set_log(
    *,
    name: Endpoint,
    sample: Annotated[
        float | None, typer.Option(help="The share of requests that is logged, 0 to 1.")
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=drop, COLUMN=hash, COLUMN=truncate:N or COLUMN=keep; may be repeated."),
    ] = None,
    retain_days: Annotated[
        float | None, typer.Option(help="Sealed files are removed after; 0: never.")
    ] = None,
    retain_bytes: Annotated[int | None, typer.Option(help="Sealed files are kept up to; 0: any.")] = None,
    reason: Reason = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Say what of an endpoint's predictions is logged; what is not named stays as it is."""
    with session(home) as verbs:
        policy = verbs.get_log(name)
        policy.pop("endpoint")
        if sample is not None:
            policy["sample"] = sample
        for option, value in (("retain_days", retain_days), ("retain_bytes", retain_bytes)):
            if value is not None:
                policy[option] = value or None
        for text in mask or []:
            _mask(policy["mask"], text)
        made = verbs.set_log(name, policy, reason, idempotency_key=once)
    _show(made, as_json=as_json)


@log.command("show")
def get_log(name: Endpoint, home: Home = None, as_json: Json = False) -> None:
    """Show what of an endpoint's predictions is logged."""
    with session(home) as verbs:
        found = verbs.get_log(name)
    _show(found, as_json=as_json)


def _mask(masks: list[dict[str, Any]], text: str) -> None:
    column, separator, how = text.partition("=")
    how, colon, length = how.partition(":")
    known = how in {"drop", "hash", "keep"} and not colon
    if not separator or not column or not (known or (how == "truncate" and length.isdecimal())):
        raise InvalidInputError(f"{text!r} is no mask, such as email=hash, zip=truncate:3, name=drop")
    masks[:] = [mask for mask in masks if mask["column"] != column]
    if how != "keep":
        masks.append({"column": column, "how": how, "length": int(length) if length else None})


def _show(policy: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.write_json(policy)
        return
    output.facts(policy, "endpoint", "sample", "retain_days", "retain_bytes")
    rows = [(mask["column"], mask["how"], mask["length"]) for mask in policy["mask"]]
    output.table(rows, "masked column", "how", "length")
