"""The commands put together, and how each of them ends: an error is one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer._click.exceptions import ClickException  # typer has it under no public name
from typer.core import TyperGroup

from tidegate import __version__
from tidegate.cli import (
    alarming,
    blind,
    keeping,
    lifecycle,
    loadings,
    reading,
    registering,
    replaying,
    retraining,
    rolling,
    routing,
    scoring,
    staging,
    tracing,
)
from tidegate.errors import InvalidInputError, TidegateError

USAGE = 2
"""Exit code for a command or an input that can't be right; everything else that fails ends with 1."""


class Commands(TyperGroup):
    """Ends every command the same way, with no traceback for errors that are the caller's or the world's."""

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Runs the command and ends the process."""
        extra["standalone_mode"] = False
        try:
            code = super().main(args=args, **extra)
        except ClickException as error:
            self.end(error.format_message(), error.exit_code)
        except InvalidInputError as error:
            self.end(str(error), USAGE)
        except TidegateError as error:
            self.end(str(error), 1)
        except (KeyboardInterrupt, typer.Abort):
            self.end("interrupted", 130)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def end(self, text: str, code: int) -> None:
        """Says what is wrong in one line and leaves."""
        sys.stderr.write(f"error: {' '.join(text.split())}\n")
        sys.exit(code)


app = typer.Typer(
    cls=Commands,
    name="tidegate",
    help="Keeps models honest in production.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"tidegate {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keeps models honest in production."""


for room in (
    lifecycle,
    registering,
    loadings,
    staging,
    routing,
    rolling,
    scoring,
    keeping,
    reading,
    tracing,
    alarming,
    blind,
    retraining,
    replaying,
):
    room.add(app)


def main() -> None:
    """The program ``tidegate``."""
    app()
