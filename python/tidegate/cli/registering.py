"""Commands for what is registered: models, versions, datasets, artifacts, keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli import output
from tidegate.cli.options import Home, Json, Model, Once
from tidegate.cli.session import session
from tidegate.errors import InvalidInputError

model = typer.Typer(help="Models: named lines of versions.", no_args_is_help=True)
version = typer.Typer(help="Versions: immutable, bound by digest.", no_args_is_help=True)
dataset = typer.Typer(help="Datasets: immutable Parquet sets.", no_args_is_help=True)
artifact = typer.Typer(help="Artifacts: files by digest.", no_args_is_help=True)
key = typer.Typer(help="API keys.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Adds the groups."""
    app.add_typer(model, name="model")
    app.add_typer(version, name="version")
    app.add_typer(dataset, name="dataset")
    app.add_typer(artifact, name="artifact")
    app.add_typer(key, name="key")


@model.command("create")
def create_model(
    name: Model,
    description: Annotated[str, typer.Option(help="What question it answers.")] = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Name a line of versions."""
    with session(home) as verbs:
        made = verbs.create_model(name, description, idempotency_key=once)
    output.write_json(made) if as_json else output.write(f"model {name} created")


@model.command("list")
def list_models(home: Home = None, as_json: Json = False) -> None:
    """List all models."""
    with session(home) as verbs:
        found = verbs.list_models()
    if as_json:
        output.write_json(found)
    else:
        rows = [(row["name"], row["description"], row["created_at"], row["created_by"]) for row in found]
        output.table(rows, "model", "description", "created", "by")


@model.command("show")
def get_model(name: Model, home: Home = None, as_json: Json = False) -> None:
    """Show a model."""
    with session(home) as verbs:
        found = verbs.get_model(name)
    if as_json:
        output.write_json(found)
    else:
        output.facts(found, "name", "description", "created_at", "created_by")


@version.command("register")
def register_version(
    *,
    name: Model,
    onnx: Annotated[Path, typer.Option(help="The ONNX file.")],
    reference: Annotated[
        Path | None, typer.Option(help="Parquet or CSV with reference rows: what drift is measured against.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A feature of a matrix input; once for each, in order.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="A score above it decides for the positive class.")] = 0.5,
    facts: Annotated[
        Path | None,
        typer.Option(help="JSON with signature, contract and what else binds; the file is not probed then."),
    ] = None,
    description: Annotated[str, typer.Option(help="What is new in it.")] = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Register an ONNX file as the model's next version, probed in a process of its own."""
    with session(home) as verbs:
        if facts is None:
            made = verbs.register_model_file(
                name,
                onnx,
                reference,
                description,
                columns=column or None,
                threshold=threshold,
                idempotency_key=once,
            )
        else:
            given = _facts(facts)
            digest = verbs.put_artifact(_bytes(onnx))["digest"]
            made = verbs.register_version(
                name, digest, **given, description=description, idempotency_key=once
            )
    if as_json:
        output.write_json(made)
    else:
        output.write(f"model {name} has version {made['version']} ({made['digest']})")


@version.command("list")
def list_versions(name: Model, home: Home = None, as_json: Json = False) -> None:
    """List a model's versions."""
    with session(home) as verbs:
        found = verbs.list_versions(name)
    if as_json:
        output.write_json(found)
    else:
        rows = [
            (row["version"], row["stage"], row["digest"][:19], row["manifest"]["metrics"], row["created_at"])
            for row in found
        ]
        output.table(rows, "version", "stage", "digest", "metrics", "created")


@dataset.command("register")
def register_dataset(
    *,
    name: Annotated[str, typer.Argument(help="The dataset's name.")],
    file: Annotated[Path, typer.Argument(help="A Parquet file.")],
    time_column: Annotated[str | None, typer.Option(help="The column that tells when a row was.")] = None,
    origin: Annotated[str | None, typer.Option(help="Where it comes from, as a JSON object.")] = None,
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Register a Parquet file as the dataset's next version."""
    where = None if origin is None else _object(origin, "--origin")
    with session(home) as verbs:
        made = verbs.register_dataset(name, file, time_column, where, idempotency_key=once)
    if as_json:
        output.write_json(made)
    else:
        output.write(f"dataset {name} has version {made['version']}, {made['rows']} rows ({made['digest']})")


@dataset.command("list")
def list_datasets(home: Home = None, as_json: Json = False) -> None:
    """List all versions of all datasets."""
    with session(home) as verbs:
        found = verbs.list_datasets()
    if as_json:
        output.write_json(found)
    else:
        names = ("name", "version", "rows", "time_from", "time_to", "digest")
        output.table([[row[name] for name in names] for row in found], *names)


@artifact.command("put")
def put_artifact(
    file: Annotated[Path, typer.Argument(help="Any file.")], home: Home = None, as_json: Json = False
) -> None:
    """Store a file and print its digest."""
    with session(home) as verbs:
        made = verbs.put_artifact(_bytes(file))
    output.write_json(made) if as_json else output.write(made["digest"])


@key.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who shows the key.")],
    role: Annotated[str | None, typer.Option(help="The role of a new principal, such as auditor.")] = None,
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Issue an API key; it is printed this once."""
    with session(home) as verbs:
        made = verbs.create_key(name, role, idempotency_key=once)
    if as_json:
        output.write_json(made)
    else:
        output.write(made["key"] or f"key {made['id']} was issued before; its secret is not kept")


@key.command("list")
def list_keys(home: Home = None, as_json: Json = False) -> None:
    """List keys without their secrets."""
    with session(home) as verbs:
        found = verbs.list_keys()
    if as_json:
        output.write_json(found)
    else:
        names = ("id", "principal", "created_at", "expires_at", "revoked_at")
        output.table([[row[name] for name in names] for row in found], *names)


@key.command("revoke")
def revoke_key(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """End a key at once."""
    with session(home) as verbs:
        ended = verbs.revoke_key(identity, idempotency_key=once)
    output.write_json(ended) if as_json else output.write(f"key {identity} is revoked")


def _facts(file: Path) -> dict[str, Any]:
    """What ``--facts`` names; unknown members are refused here, as the verb takes none."""
    known = {
        "signature",
        "contract",
        "profile",
        "dataset",
        "recipe",
        "code",
        "metrics",
        "conversion",
        "parent",
    }
    given = _object(_bytes(file).decode(errors="replace"), str(file))
    unknown = sorted(given.keys() - known)
    if unknown or not {"signature", "contract"} <= given.keys():
        wrong = f"has {unknown[0]!r}" if unknown else "lacks signature or contract"
        raise InvalidInputError(f"{file} {wrong}; expected signature, contract and some of {sorted(known)}")
    return given


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidInputError(f"{where} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInputError(f"{where} is no JSON object")
    return found


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{file} can't be read: {error.strerror}") from None
