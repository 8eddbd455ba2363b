"""Commands that look: status, drift, performance, lineage, audit."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from tidegate.cli import output
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
    app.command("drift")(drift)
    app.command("performance")(performance)
    app.command("lineage")(lineage)
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


def drift(
    *,
    name: Endpoint,
    since: Annotated[str | None, typer.Option(help="A snapshot: leave out what was counted before.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep the counts as a snapshot.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every feature, not the drifted alone.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show how far the scored rows are from the reference."""
    with session(home) as verbs:
        found = verbs.drift(name, since, keep)
    if as_json:
        output.write_json(found)
        return
    from tidegate.monitoring.alarms import sentence, worth_saying

    for version in found["versions"]:
        who = "shadow" if version["shadow"] else "version"
        output.write(f"{who} {version['version']}: {version['rows']} rows, {len(version['drifted'])} drifted")
    for verdict in found["alarms"]:
        if worth_saying(verdict):
            who = "shadow" if verdict["shadow"] else "version"
            output.write(f"{who} {verdict['version']}: {sentence(verdict)}")
    rows = [
        (
            row["version"],
            row["feature"] if row["role"] == "input" else f"({row['role']})",
            row["rows"],
            row["psi_bias_corrected"],
            row["psi_threshold"],
            row["ks"],
            row["magnitude"],
            "yes" if row["drifted"] else (row["reason"] or "no"),
        )
        for row in found["features"]
        if everything or row["drifted"]
    ]
    if rows:
        output.table(rows, "version", "feature", "rows", "PSI", "PSI 1 %", "KS", "magnitude", "drifted")
    elif not found["versions"]:
        output.write(f"{name}: nothing was counted yet")
    if found["snapshot"] is not None:
        output.write(f"snapshot {found['snapshot']}")


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


def lineage(
    prediction_id: Annotated[str, typer.Argument(help="What the answer carried as prediction_id.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Follow a prediction to its version, dataset, recipe and code."""
    with session(home) as verbs:
        found = verbs.lineage(prediction_id)
    if as_json:
        output.write_json(found)
        return
    prediction, plan, version = found["prediction"], found["plan"], found["version"]
    output.write(f"prediction  {prediction['prediction_id']}, {len(prediction['rows'])} rows")
    output.write(f"endpoint    {prediction['endpoint']}, generation {prediction['generation']}")
    output.write(
        f"plan        since generation {plan['generation']}, by {plan['created_by']}: {plan['reason'] or '-'}"
    )
    output.write(f"version     {version['model']} {version['version']} ({version['digest']})")
    for move in version["stages"]:
        approved = f", approved by {', '.join(move['approvers'])}" if move["approvers"] else ""
        output.write(f"stage       {move['to']} since {move['at']}, by {move['by']}{approved}")
    for dataset in version["datasets"]:
        known = (
            f"{dataset['name']} {dataset['version']}, {dataset['rows']} rows " if "name" in dataset else ""
        )
        output.write(f"dataset     {known}({dataset['digest']})")
    output.write(f"recipe      {output.shown(version['recipe'])}")
    output.write(f"code        {output.shown(version['code'])}")


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
