"""The probe job: what a bare ONNX file takes and gives, whether it runs, its profile. Only for workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegate.errors import InvalidInputError, ModelRefusedError
from tidegate.training import graphs
from tidegate.training.columns import feeds, read_table
from tidegate.training.golden import ROWS, golden_run
from tidegate.training.jobs import ProbeJob, ProbeResult, Report
from tidegate.training.loops import refuse_loops
from tidegate.training.profiles import reference_profile
from tidegate.types import Contract, InputSpec, ScoreSpec, Signature, TensorSpec

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray


BATCH = 4096
"""Rows scored at once, so that wide graphs stay within the job's memory."""


def probe(job: ProbeJob, folder: Path, report: Report) -> ProbeResult:
    """Probes ``job.onnx``; writes ``golden.json``, and ``profile.arrow`` when a reference is given.

    Raises:
        ModelRefusedError: the file is no ONNX model, or none that can be served.
        InvalidInputError: the reference lacks a column that the model takes.

    """
    report("loading", 0.0, job.onnx.name)
    data = job.onnx.read_bytes()
    if not job.allow_loops:
        refuse_loops(data)
    session = graphs.open_graph(data)
    signature = graphs.signature(session)
    report("reading", 0.2, job.reference.name if job.reference else "no reference")
    reference = read_table(job.reference) if job.reference else None
    inputs = [_input(spec, signature, reference, job) for spec in signature.inputs]
    _check_reference(inputs, reference)
    report("running", 0.4, "golden rows")
    batch = 1 if any(spec.shape[0] == 1 for spec in signature.inputs) else BATCH
    golden = golden_run(session, inputs, reference, folder / "golden.json", rows=min(batch, ROWS))
    outputs = [_output(spec, golden.outputs[spec.name]) for spec in signature.outputs]
    score = find_score(outputs)
    if reference is not None:
        report("profiling", 0.6, f"{reference.height} reference rows")
        scores = _scores(session, inputs, reference, score, batch)
        (folder / "profile.arrow").write_bytes(reference_profile(reference, inputs, scores))
    return ProbeResult(
        signature=signature,
        contract=Contract(inputs=inputs, outputs=outputs, score=score, threshold=job.threshold),
        golden=golden.figures,
        rows={"reference": reference.height if reference is not None else 0},
    )


def find_score(outputs: list[TensorSpec]) -> ScoreSpec | None:
    """The second column of the first floating output with two, else the first floating output with one."""
    floating = [spec for spec in outputs if spec.datatype in {"FP16", "FP32", "FP64"}]
    for spec in floating:
        if spec.shape == [-1, 2]:
            return ScoreSpec(output=spec.name, column=1)
    for spec in floating:
        if spec.shape in ([-1], [-1, 1]):
            return ScoreSpec(output=spec.name, column=0)
    return None


def _input(
    spec: TensorSpec, signature: Signature, reference: pl.DataFrame | None, job: ProbeJob
) -> InputSpec:
    if len(spec.shape) not in (1, 2):
        raise ModelRefusedError(
            f"input {spec.name!r} has shape {spec.shape}, expected rows or rows by columns"
        )
    if spec.shape[0] not in (-1, 1):
        raise ModelRefusedError(
            f"input {spec.name!r} takes exactly {spec.shape[0]} rows; export it with any number of rows"
        )
    missing = job.missing if spec.datatype == "BYTES" else None
    if len(spec.shape) == 1 or spec.shape[1] == 1:
        return InputSpec(
            name=spec.name,
            datatype=spec.datatype,
            shape=[-1, *spec.shape[1:]],
            columns=[spec.name],
            missing=missing,
        )
    columns = _matrix_columns(spec, signature, reference, job.columns)
    return InputSpec(
        name=spec.name, datatype=spec.datatype, shape=[-1, len(columns)], columns=columns, missing=missing
    )


def _matrix_columns(
    spec: TensorSpec, signature: Signature, reference: pl.DataFrame | None, named: list[str] | None
) -> list[str]:
    """The feature names of a matrix input: the job's, else the reference's, else numbered ones."""
    width = spec.shape[1]
    matrices = [other for other in signature.inputs if len(other.shape) == 2 and other.shape[1] != 1]
    if named is not None and len(matrices) == 1:
        if width not in (-1, len(named)):
            raise InvalidInputError(f"{len(named)} columns are named, and input {spec.name!r} takes {width}")
        return named
    if reference is not None and len(signature.inputs) == 1:
        numeric = [c for c, dtype in reference.schema.items() if dtype.is_numeric() or dtype == pl.Boolean]
        suited = reference.columns if spec.datatype == "BYTES" else numeric
        if width in (-1, len(suited)):
            return suited
    if width == -1:
        raise InvalidInputError(
            f"input {spec.name!r} takes any number of columns; name them, or give a reference"
        )
    return [f"{spec.name}.{index}" for index in range(width)]


def _check_reference(inputs: list[InputSpec], reference: pl.DataFrame | None) -> None:
    if reference is None:
        return
    if not reference.height:
        raise InvalidInputError("the reference has no rows")
    wanted = [column for spec in inputs for column in spec.columns]
    absent = [column for column in wanted if column not in reference.columns]
    if absent:
        raise InvalidInputError(
            f"the reference has no column {absent[0]!r}: the model takes {len(wanted)} columns, and the "
            f"reference has {len(reference.columns)} ({', '.join(reference.columns)}); rename or drop "
            "columns, or name the model's in order"
        )


def _output(spec: TensorSpec, values: NDArray[Any]) -> TensorSpec:
    """The output's shape as it came: converters leave dimensions open, or declare one row where many come."""
    return TensorSpec(name=spec.name, datatype=spec.datatype, shape=[-1, *values.shape[1:]])


def _scores(
    session: onnxruntime.InferenceSession,
    inputs: list[InputSpec],
    reference: pl.DataFrame,
    score: ScoreSpec | None,
    batch: int,
) -> NDArray[np.float64] | None:
    """The score of every reference row."""
    if score is None:
        return None
    parts = []
    for part in reference.iter_slices(batch):
        values = graphs.run(session, feeds(part, inputs))[score.output]
        parts.append(values.reshape(part.height, -1)[:, score.column].astype(np.float64))
    return np.concatenate(parts)
