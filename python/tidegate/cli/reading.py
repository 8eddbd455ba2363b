"""Commands that look: status, performance, lineage, audit."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.loadings import show_quarantined
from tidegate.cli.options import Endpoint, Home, Json
from tidegate.cli.session import session

audit = typer.Typer(help="The audit trail.", no_args_is_help=True)


class Period(StrEnum):
    """A length of event time."""

    MONTH = "month"
    WEEK = "week"
    DAY = "day"


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("status")(status)
    app.command("performance")(performance)
    app.add_typer(audit, name="audit")


def status(home: Home = None, as_json: Json = False) -> None:
    """Show what is here and what runs."""
    with session(home) as verbs:
        found = verbs.status()
    if as_json:
        output.write_json(found)
        return
    output.facts(found, "home", "tidegate", "generation", "models", "endpoints")
    server, scoring = found["server"], found["scoring"]
    output.write(f"serving     {'no' if server is None else server['data']}")
    show_quarantined(found["quarantined"])
    rows = [
        (
            endpoint["name"],
            variant["version"],
            "shadow" if variant["shadow"] else f"{variant['weight']:.2%}",
            variant["requests"],
            variant["rows"],
        )
        for endpoint in (scoring or {}).get("endpoints", [])
        for variant in endpoint["variants"]
    ]
    if rows:
        output.table(rows, "endpoint", "version", "share", "requests", "rows")


def performance(
    name: Endpoint,
    by: Annotated[Period, typer.Option(help="The length of a period.")] = Period.MONTH,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show how good the answers were, of those with labels."""
    with session(home) as verbs:
        found = verbs.performance(name, by.value)
    if as_json:
        output.write_json(found)
        return
    rows: list[tuple[Any, ...]] = [
        (
            row["period"][:10],
            row["version"] + (" (shadow)" if row["shadow"] else ""),
            row["rows"],
            row["labelled"],
            row["accuracy"],
            row["auc"],
            row["brier"],
        )
        for row in found["periods"]
    ]
    output.table(rows, by.value, "version", "rows", "labelled", "accuracy", "AUC", "Brier")
    if found["log_gap"]:
        output.write(f"the log lacks {found['log_gap']} rows: its ring was full")
    if found["log_sample"] < 1:
        output.write(f"the log is a sample: down to {found['log_sample']:.2%} of the requests were logged")


@audit.command("verify")
def audit_verify(home: Home = None, as_json: Json = False) -> None:
    """Check that no entry was changed, removed or put between; exit code 1 when one was."""
    with session(home) as verbs:
        found = verbs.audit_verify()
    if as_json:
        output.write_json(found)
    elif found["ok"]:
        output.write(f"{found['entries']} entries, whole; head {found['head']}")
    else:
        output.write(f"entry {found['seq']}: {found['problem']}")
    if not found["ok"]:
        raise typer.Exit(1)
