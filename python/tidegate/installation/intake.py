"""What comes in from outside: JSON checked against its type, and bare ONNX files probed before they count."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tidegate.errors import InvalidInputError
from tidegate.installation.opened import OpenHome
from tidegate.types import Value

Wanted = TypeVar("Wanted", bound=Value)


def validated(wanted: type[Wanted], given: Wanted | Mapping[str, Any]) -> Wanted:
    """``given`` as ``wanted``; the error names the member that does not fit."""
    if isinstance(given, wanted):
        return given
    try:
        return wanted.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join([wanted.__name__.lower(), *map(str, first["loc"])])
        raise InvalidInputError(f"{place}: {first['msg']}") from None


@dataclass(frozen=True)
class ModelFile:
    """A bare ONNX file to be registered."""

    model: str
    onnx: str
    """The digest of the file."""
    reference: str | None
    """The digest of the reference rows."""
    columns: list[str] | None
    threshold: float
    description: str
    name: str
    """What the file was called."""


def register_file(opened: OpenHome, file: ModelFile, actor: str) -> dict[str, Any]:
    """Probes the file in a child process and registers what it found as the model's next version."""
    from tidegate.training.jobs import ProbeJob
    from tidegate.training.launch import run_job
    from tidegate.training.provenance import code_state

    opened.registry.models.get(file.model)
    folder = opened.home.jobs / f"probe-{uuid.uuid4().hex}"
    folder.mkdir()
    reference = None if file.reference is None else _named(opened.artifacts.path(file.reference), folder)
    job = ProbeJob(
        onnx=opened.artifacts.path(file.onnx),
        reference=reference,
        columns=file.columns,
        threshold=file.threshold,
        allow_loops=opened.settings.allow_loops,
    )
    try:
        found = run_job(job, folder)
    finally:
        if reference is not None:
            reference.unlink()
    profile = folder / "profile.arrow"
    version = opened.registry.versions.register(
        file.model,
        onnx=file.onnx,
        signature=found.signature,
        contract=found.contract,
        profile=opened.artifacts.put(profile) if profile.is_file() else None,
        dataset=_dataset(opened, file, reference, actor),
        recipe={"kind": "file", "name": file.name},
        code=code_state(),
        metrics={},
        conversion={
            "kind": "none",
            "golden": found.golden.to_json() | {"answers": opened.artifacts.put(folder / "golden.json")},
        },
        principal=actor,
        description=file.description,
        stage=opened.settings.stages.names[0],
    )
    shutil.rmtree(folder)
    return version.to_json()


def _named(artifact: Path, folder: Path) -> Path:
    """A copy of the artifact under a name that tells its format; artifacts have none."""
    with artifact.open("rb") as file:
        suffix = ".parquet" if file.read(4) == b"PAR1" else ".csv"
    named = folder / f"reference{suffix}"
    shutil.copyfile(artifact, named)
    return named


def _dataset(opened: OpenHome, file: ModelFile, reference: Path | None, actor: str) -> str | None:
    """The reference rows as a registered dataset, so that lineage leads to them; CSV stays an artifact."""
    if reference is None or file.reference is None or reference.suffix != ".parquet":
        return None
    origin = {"kind": "reference", "model": file.model}
    name = f"{file.model}-reference"
    return opened.registry.datasets.register(name, file.reference, principal=actor, origin=origin).digest
