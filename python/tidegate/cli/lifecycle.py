"""Commands that make a home and run a server: init, serve, quickstart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import output
from tidegate.cli.options import Home, Json

if TYPE_CHECKING:
    from tidegate.gateway import Ready

Host = Annotated[str | None, typer.Option(help="The address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Scoring port; 0 is a free one.")]
AdminPort = Annotated[int | None, typer.Option(min=0, max=65535, help="Health and metrics; 0 is a free one.")]
ControlPort = Annotated[int | None, typer.Option(min=0, max=65535, help="Management API; 0 is a free one.")]


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("init")(init)
    app.command("serve")(serve)
    app.command("quickstart")(quickstart)


def init(home: Home = None, as_json: Json = False) -> None:
    """Make a home."""
    from tidegate.installation import init as make

    made = make(home)
    if as_json:
        output.write_json(made)
    else:
        output.write(f"home {made['home']}; the owner's key is in {made['owner_key']}")


def serve(
    *,
    host: Host = None,
    port: Port = None,
    admin_port: AdminPort = None,
    control_port: ControlPort = None,
    threads: Annotated[int | None, typer.Option(min=0, help="Scoring threads; 0 is one per core.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then drain."""
    from tidegate.gateway import Control, log_to_stderr

    log_to_stderr()
    flags = {
        "host": host,
        "port": port,
        "admin_port": admin_port,
        "control_port": control_port,
        "threads": threads,
    }
    drained = Control(home, flags).run(lambda ready: announce(ready, as_json=as_json))
    if not drained:
        raise typer.Exit(1)


def quickstart(
    *,
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    reference: Annotated[
        Path | None, typer.Option(help="Parquet or CSV with reference rows: what drift is measured against.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Model and endpoint; default: the file's name.")] = None,
    wait: Annotated[bool, typer.Option(help="Go on serving after the first request.")] = True,
    host: Host = None,
    port: Port = None,
    admin_port: AdminPort = None,
    control_port: ControlPort = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take a model from nothing to a scored request with drift on."""
    from tidegate.cli.quick import Quickstart
    from tidegate.gateway import log_to_stderr

    log_to_stderr()
    flags = {"host": host, "port": port, "admin_port": admin_port, "control_port": control_port}
    Quickstart(home, model, reference, name, as_json=as_json).run(flags, wait=wait)


def announce(ready: Ready, *, as_json: bool) -> None:
    """The one line that says that a server serves."""
    if as_json:
        output.write_json(ready.to_json(), indent=None)
    else:
        output.write(
            f"serving {ready.data} (REST and gRPC), health and metrics {ready.admin}, "
            f"management {ready.control}; Ctrl-C stops"
        )
