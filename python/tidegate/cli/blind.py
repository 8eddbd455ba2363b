"""Commands of blind validation: keys and sealing on the validator's side, sets, judgements, the ranking."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli import output, registering
from tidegate.cli.options import Home, Json, Model, Number, Once
from tidegate.cli.session import session
from tidegate.errors import InvalidInputError, PreconditionError

if TYPE_CHECKING:
    JSON = dict[str, Any]

blind = typer.Typer(
    help="Blind sets: rows that only their validator can read. keygen and seal need no home.",
    no_args_is_help=True,
)
Set = Annotated[str, typer.Argument(help="The blind set's name.")]
Out = Annotated[Path, typer.Option("--out", help="The file to write; one that exists is never replaced.")]
_FIGURES = ("rows", "positive_rate", "auc", "brier", "log_loss", "accuracy")


def add(app: typer.Typer) -> None:
    """Adds the group ``blind`` and the command ``version rank``."""
    blind.command("keygen")(keygen)
    blind.command("seal")(seal)
    blind.command("add")(add_blind_set)
    blind.command("list")(list_blind_sets)
    blind.command("judge")(judge_blind)
    app.add_typer(blind, name="blind")
    registering.version.command("rank")(rank_versions)


def keygen(*, out: Out, as_json: Json = False) -> None:
    """Make an identity, which opens what is sealed to its recipient; keep it outside of the home."""
    from tidegate import sealed

    recipient = sealed.keygen(out)
    output.write_json({"identity": str(out), "recipient": recipient}) if as_json else output.write(recipient)


def seal(
    *,
    file: Annotated[Path, typer.Argument(help="The rows with their target column, Parquet or CSV.")],
    recipient: Annotated[
        list[str], typer.Option("--recipient", help="age1..., as keygen prints; repeatable.")
    ],
    out: Out,
    target: Annotated[str, typer.Option("--target", help="The column with 0 and 1.")] = "late",
    as_json: Json = False,
) -> None:
    """Seal rows to a recipient, here and now: nothing is sent anywhere."""
    from tidegate import sealed
    from tidegate.store.files import write_new
    from tidegate.training import blind_rows
    from tidegate.training.columns import read_table

    frame = read_table(file)
    data = sealed.seal(blind_rows.packed(frame, target), recipient)
    try:
        write_new(out, data)
    except FileExistsError:
        raise InvalidInputError(f"{out} exists; name another file") from None
    except OSError as error:
        raise InvalidInputError(f"{out} can't be written: {error.strerror}") from None
    if as_json:
        output.write_json({"sealed": str(out), "rows": frame.height, "target": target})
    else:
        output.write(f"{frame.height} rows with the target {target} are sealed in {out}")


def add_blind_set(
    *,
    name: Set,
    model: Model,
    file: Annotated[Path, typer.Argument(help="The sealed file.")],
    budget: Annotated[int, typer.Option("--budget", help="How many versions it may judge.")] = 20,
    description: Annotated[str, typer.Option("--description", help="What the rows are.")] = "",
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Add a sealed file as a blind set of a model. Needs the key of a model validator."""
    with session(home) as verbs:
        made = verbs.add_blind_set(name, model, file, budget, description, idempotency_key=once)
    if as_json:
        output.write_json(made)
    else:
        output.write(f"blind set {name} of {model} may judge {made['budget']} versions ({made['artifact']})")


def list_blind_sets(*, home: Home = None, as_json: Json = False) -> None:
    """List the blind sets with what they said of versions."""
    with session(home) as verbs:
        found = verbs.list_blind_sets()
    if as_json:
        output.write_json(found)
        return
    output.table(
        [
            (each["name"], each["model"], each["created_by"], len(each["results"]), each["left"])
            for each in found
        ],
        "set", "model", "added by", "judged", "left",
    )  # fmt: skip
    for each in found:
        rows = [
            (result["digest"][:19], *(result["figures"].get(name) for name in _FIGURES), result["created_by"])
            for result in each["results"]
        ]
        if rows:
            output.table(rows, "version", *_FIGURES, "judged by", title=each["name"])


def judge_blind(
    *,
    name: Set,
    model: Model,
    number: Number,
    identity: Annotated[Path, typer.Option("--identity", help="The identity file that opens the set.")],
    home: Home = None,
    as_json: Json = False,
    once: Once = None,
) -> None:
    """Judge a version by a blind set, in a confined process. Needs the key of a model validator."""
    from tidegate import sealed

    try:
        secret = sealed.identity_in(identity.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise InvalidInputError(f"{identity} can't be read as an identity file") from None
    with session(home) as verbs:
        known = {each["name"]: each["model"] for each in verbs.list_blind_sets()}
        if known.get(name, model) != model:
            raise InvalidInputError(f"the blind set {name} is of the model {known[name]}, not of {model}")
        found = verbs.judge_blind(name, number, secret, idempotency_key=once)
    if as_json:
        output.write_json(found)
    elif "failed" not in found["figures"]:
        output.facts(found["figures"], *_FIGURES)
    if "failed" in found["figures"]:
        raise PreconditionError(
            f"blind set {name} on version {number} of {model}: {found['figures']['failed']}"
        )


def rank_versions(
    *,
    name: Model,
    stage: Annotated[str, typer.Option("--to", help="The stage that they would move to.")],
    by: Annotated[
        str, typer.Option("--by", help="A metric, or blind. and a blind set's figure.")
    ] = "blind.auc",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Rank the versions that may move to a stage, best first, and say why the others may not."""
    with session(home) as verbs:
        found = verbs.rank_versions(name, stage, by)
    output.write_json(found) if as_json else _show(found)


def _show(found: JSON) -> None:
    rows = [
        (place, each["version"], each["stage"], each["value"])
        for place, each in enumerate(found["ranking"], start=1)
    ]
    output.table(rows, "place", "version", "from", found["by"])
    output.write(found["says"])
    for each in found["others"]:
        output.write(f"version {each['version']} does not: {each['says']}")
