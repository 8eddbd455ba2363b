"""Commands that show a version and how it loads."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli import output, registering
from tidegate.cli.options import Home, Json, Model, Number, Once
from tidegate.cli.session import session


def add(_: typer.Typer) -> None:
    """Adds the commands to the group ``version``."""
    registering.version.command("show")(get_version)
    registering.version.command("probe")(probe_version)
    registering.version.command("release")(release_version)


def get_version(name: Model, number: Number, home: Home = None, as_json: Json = False) -> None:
    """Show a version, what its digest binds, which engine serves it and why."""
    with session(home) as verbs:
        found = verbs.get_version(name, number)
    if as_json:
        output.write_json(found)
        return
    output.facts(found, "model", "version", "stage", "digest", "created_at", "created_by")
    output.facts(found["manifest"], *sorted(found["manifest"]))
    show_loading(found["probe"])


def probe_version(
    name: Model, number: Number, home: Home = None, as_json: Json = False, once: Once = None
) -> None:
    """Load a version in a confined process and measure it; exit code 1 when it can't be served."""
    with session(home) as verbs:
        report = verbs.probe_version(name, number, idempotency_key=once)
    if as_json:
        output.write_json(report)
    else:
        show_loading(report)
    if not report["ok"]:
        raise typer.Exit(1)


def release_version(
    *,
    name: Model,
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="Why it may serve again; kept in the audit trail.")],
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Let a version out of the quarantine that its crashes brought it."""
    with session(home) as verbs:
        made = verbs.release_version(name, number, reason, idempotency_key=once)
    output.write_json(made) if as_json else output.write(f"version {number} of {name} may serve again")


def show_quarantined(found: list[dict[str, Any]]) -> None:
    """The versions in quarantine, if there are any."""
    for row in found:
        name = f"version {row['version']} of {row['model']}"
        output.write(f"quarantine  {name} since {row['created_at']}: {row['reason']}")


def show_loading(report: dict[str, Any] | None) -> None:
    """A report, a fact a line."""
    if report is None:
        output.write("loading     not yet; the first plan that names it loads it in a process of its own")
        return
    if not report["ok"]:
        output.write(f"loading     refused at {report['probed_at']}: {report['code']} {report['reason']}")
        return
    stale = "" if report.get("counts", True) else " (by another program or runtime: it will be loaded again)"
    output.write(f"loading     good at {report['probed_at']}{stale}")
    output.write(f"runs on     {report['runs_on']}: {report['why']}")
    if report["load_seconds"] is not None:
        row = ", ".join(f"{us:.3g} us at batch {size}" for size, us in report["row_microseconds"].items())
        output.write(
            f"takes       {report['load_seconds'] * 1000:.3g} ms to load, "
            f"{report['memory_bytes'] / 2**20:.3g} MiB, a row {row}"
        )
