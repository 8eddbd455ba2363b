"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None, typer.Option("--home", help="The home; default: TIDEGATE_HOME, tidegate.toml's, .tidegate.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Once = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same request again under this key gets the same answer."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit trail.")]
Endpoint = Annotated[str, typer.Argument(help="The endpoint's name.")]
Number = Annotated[str, typer.Argument(help="The version's number.")]
Model = Annotated[str, typer.Argument(help="The model's name.")]
