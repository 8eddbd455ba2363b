"""Commands of drift: how far rows are from the reference, and the alarms on record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.options import Endpoint, Home, Json
from tidegate.cli.session import session

alarm = typer.Typer(help="Drift alarms on record.", no_args_is_help=True)

if TYPE_CHECKING:
    JSON = dict[str, Any]


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("drift")(drift)
    app.add_typer(alarm, name="alarm")


def drift(
    *,
    name: Endpoint,
    since: Annotated[str | None, typer.Option(help="A snapshot: leave out what was counted before.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep the counts as a snapshot.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Keep new alarms on record first.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every feature, not the drifted alone.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show how far the scored rows are from the reference, and what is in alarm."""
    with session(home) as verbs:
        checked = verbs.check_drift(name) if check else None
        found = verbs.drift(name, since, keep)
    if as_json:
        output.write_json(found if checked is None else found | {"check": checked})
        return
    for version in found["versions"]:
        output.write(f"{_who(version)}: {version['rows']} rows, {len(version['drifted'])} drifted")
    if checked is not None:
        output.write(f"checked: {len(checked['new'])} new alarms, {len(checked['ended'])} ended")
    _verdicts(found["alarms"])
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


@alarm.command("list")
def list_alarms(
    name: Endpoint,
    open_only: Annotated[bool, typer.Option("--open", help="Those that have not ended.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the drift alarms of an endpoint; `tidegate drift ENDPOINT --check` looks for new ones."""
    from tidegate.monitoring.alarms import stream_name

    with session(home) as verbs:
        found = verbs.list_alarms(name, open_only)
    if as_json:
        output.write_json(found)
        return
    rows = [
        (
            row["id"],
            _who(row),
            stream_name(row),
            row["began"],
            row["alarmed_at"],
            row["ended_at"] or "open",
            row["verdict"]["magnitude"],
            row["verdict"]["psi_bias_corrected"],
            row["verdict"]["ln_m"],
        )
        for row in found
    ]
    if rows:
        columns = ("alarm", "of", "stream", "began", "alarmed", "ended", "magnitude", "PSI", "evidence")
        output.table(rows, *columns)
    else:
        output.write(f"{name}: no {'open ' if open_only else ''}alarms on record")


def _verdicts(verdicts: Iterable[JSON]) -> None:
    """A line for each stream in alarm or close to it, and one per version and reason for the unjudged."""
    from tidegate.monitoring.alarms import UNJUDGED, sentence, stream_name, worth_saying

    unjudged: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        if verdict["reason"] in UNJUDGED:
            named = f"{stream_name(verdict).removesuffix(' (values)')} {verdict['magnitude'] or ''}".rstrip()
            unjudged.setdefault((_who(verdict), verdict["reason"]), []).append(named)
        elif worth_saying(verdict):
            output.write(f"{_who(verdict)}: {sentence(verdict)}")
    for (who, reason), names in unjudged.items():
        output.write(f"{who}: no alarm for {', '.join(sorted(names))}: {UNJUDGED[reason]} ({reason})")


def _who(row: JSON) -> str:
    return f"{'shadow' if row['shadow'] else 'version'} {row['version']}"
