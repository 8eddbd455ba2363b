"""Scoring a file: in parts that are whole or not there, so that the same command goes on after a crash."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate._native import OfflineScorer
from tidegate.errors import ConflictError, HomeMissingError, InvalidInputError, NotFoundError
from tidegate.scoring.columns import check, tensors
from tidegate.serving import deployments, library
from tidegate.store.files import sync_folder, write_atomically
from tidegate.store.home import is_home
from tidegate.types import Contract, Value

SUFFIXES = (".parquet", ".csv", ".arrow", ".jsonl")
PART_ROWS = 131_072
"""Rows of a part: what a crash costs at most."""
_JOB = "job.json"

Tell = Callable[[int, int], None]
"""Told how many rows of how many are written."""


class FileJob(Value):
    """What a file is scored with; a job that began with something else is not gone on with."""

    format: int = 1
    input_sha256: str
    rows: int
    endpoint: str
    version: str
    variant: str
    """The version's digest."""
    runs_on: str
    contract_sha256: str
    keep: list[str]
    drop_unknown: bool
    batch: int
    part_rows: int


def score_file(
    home: Path,
    endpoint: str,
    source: Path,
    target: Path,
    *,
    version: str | None = None,
    keep: list[str] | None = None,
    drop_unknown: bool = False,
    batch: int = 1000,
    part_rows: int = PART_ROWS,
    tell: Tell = lambda _done, _rows: None,
) -> FileJob:
    """Scores the rows of ``source`` into the Parquet file ``target`` with one version, as the server would.

    Reads the home's files alone: no server is needed, none is disturbed, nothing is logged or counted. Parts
    stand in ``<target>.parts`` until all are there; a job that was interrupted goes on after its last whole
    part if input, version and columns are the same, and is refused otherwise. ``target`` has the columns of
    ``keep``, then ``score`` and ``decision`` where the contract names a score, ``output.*`` as the prediction
    log has them, and ``version``.
    """
    scorer = open_scorer(home, endpoint, version)
    contract = Contract.model_validate_json(scorer.contract())
    kept = keep or []
    lazy, names = _scan(source)
    absent = [name for name in kept if name not in names]
    if absent:
        raise InvalidInputError(f"--keep names {absent[0]!r}, which {source.name} lacks")
    if target.exists():
        raise ConflictError(f"{target} exists already; remove it to score again")
    wanted = _wanted(contract, names, kept, drop_unknown=drop_unknown)
    tensors(lazy.select(wanted).head(0).collect(), contract, kept)  # types are wrong before a row is read
    job = FileJob(
        input_sha256=_sha256(source),
        rows=int(lazy.select(pl.len()).collect().item()),
        endpoint=endpoint,
        version=scorer.version,
        variant=scorer.variant,
        runs_on=scorer.runs_on,
        contract_sha256=hashlib.sha256(scorer.contract().encode()).hexdigest(),
        keep=kept,
        drop_unknown=drop_unknown,
        batch=batch,
        part_rows=part_rows,
    )
    if not job.rows:
        raise InvalidInputError(f"{source} holds no rows")
    folder = target.with_name(f"{target.name}.parts")
    with _claimed(folder, job):
        whole = sorted(folder.glob("*.parquet"))
        done = min(len(whole) * part_rows, job.rows)
        tell(done, job.rows)
        frames = _chunks(lazy.select(wanted).slice(done), part_rows)
        for number, frame in enumerate(frames, len(whole)):
            _write(_scored(scorer, contract, frame, job), folder / f"{number:06}.parquet")
            done += frame.height
            tell(done, job.rows)
        if done != job.rows:
            raise ConflictError(f"{source} changed while it was read: {done} rows instead of {job.rows}")
        _assemble(folder, target)
    shutil.rmtree(folder)
    return job


def open_scorer(home: Path, endpoint: str, version: str | None = None) -> OfflineScorer:
    """A version of the newest deployment on the home's disk; takes no lock."""
    if not is_home(home):
        raise HomeMissingError(f"there is no home at {home}; make one with: tidegate init --home {home}")
    found = deployments.newest(home / "deployments")
    if found is None:
        raise NotFoundError(f"{home} has no deployment yet; tidegate traffic set makes one")
    return OfflineScorer(found[1], home, library(), endpoint, version)


def _wanted(contract: Contract, names: list[str], keep: list[str], *, drop_unknown: bool) -> list[str]:
    """The columns that are read, in the file's order; unknown ones are refused unless they may be dropped."""
    if not drop_unknown:
        check(names, contract, keep)
    features = [name for spec in contract.inputs for name in spec.columns]
    known = {*features, *(spec.name for spec in contract.context), *keep}
    wanted = [name for name in names if name in known]
    check(wanted, contract, keep)
    return wanted


def _scan(source: Path) -> tuple[pl.LazyFrame, list[str]]:
    if source.suffix not in SUFFIXES:
        raise InvalidInputError(f"{source} is none of {', '.join(SUFFIXES)}")
    scan: dict[str, Callable[[], pl.LazyFrame]] = {
        ".parquet": lambda: pl.scan_parquet(source, glob=False),
        ".csv": lambda: pl.scan_csv(source, glob=False, infer_schema_length=10_000),
        ".arrow": lambda: pl.scan_ipc(source, glob=False),
        ".jsonl": lambda: pl.scan_ndjson(source, infer_schema_length=10_000),
    }
    try:
        lazy = scan[source.suffix]()
        return lazy, lazy.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise InvalidInputError(f"{source} can't be read: {first}") from None


def _chunks(lazy: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    """Frames of exactly ``rows`` rows, the last one of what is left, whatever pieces the reader gives."""
    waiting: list[pl.DataFrame] = []
    held = 0
    try:
        for piece in lazy.collect_batches(chunk_size=rows, maintain_order=True):
            waiting.append(piece)
            held += piece.height
            while held >= rows:
                joined = pl.concat(waiting)
                yield joined.head(rows)
                waiting, held = [joined.slice(rows)], held - rows
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(f"the input can't be read: {str(error).partition(chr(10))[0]}") from None
    if held:
        yield pl.concat(waiting)


def _scored(scorer: OfflineScorer, contract: Contract, frame: pl.DataFrame, job: FileJob) -> pl.DataFrame:
    parts = []
    for start in range(0, frame.height, job.batch):
        rows = frame.slice(start, job.batch)
        outputs = scorer.score(tensors(rows, contract, job.keep))
        parts.append(_answers(rows.select(job.keep), outputs, contract, job.version))
    return pl.concat(parts)


def _answers(kept: pl.DataFrame, outputs: dict[str, Any], contract: Contract, version: str) -> pl.DataFrame:
    made: dict[str, Any] = {}
    if contract.score is not None:
        values = outputs[contract.score.output]
        score = values if values.ndim == 1 else values[:, contract.score.column]
        made["score"] = pl.Series(np.ascontiguousarray(score))
        above = pl.Series(np.ascontiguousarray(score, dtype=np.float64) > contract.threshold)
        made["decision"] = pl.select(pl.when(~pl.lit(np.isnan(score))).then(pl.lit(above))).to_series()
    for spec in contract.outputs:
        values = outputs[spec.name]
        if values.ndim == 1:
            made[f"output.{spec.name}"] = pl.Series(values.tolist() if values.dtype == object else values)
        else:
            for column in range(values.shape[1]):
                made[f"output.{spec.name}.{column}"] = np.ascontiguousarray(values[:, column])
    made["version"] = [version] * len(next(iter(outputs.values())))
    answers = pl.DataFrame(made)
    return kept.hstack(answers.get_columns()) if kept.width else answers


@contextmanager
def _claimed(folder: Path, job: FileJob) -> Iterator[None]:
    """Holds the folder of parts, whose job must be this one."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"{folder} is being written by another process") from None
        _agree(folder / _JOB, job)
        yield
    finally:
        os.close(descriptor)


def _agree(path: Path, job: FileJob) -> None:
    if not path.is_file():
        write_atomically(path, job.model_dump_json(indent=2).encode(), 0o600)
        return
    begun = json.loads(path.read_bytes())
    for name, value in job.to_json().items():
        if begun.get(name) != value:
            raise ConflictError(
                f"{path.parent} was begun with {name} {begun.get(name)}, now it is {value}; "
                f"remove {path.parent} to begin anew"
            )


def _write(frame: pl.DataFrame, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        frame.write_parquet(file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)


def _assemble(folder: Path, target: Path) -> None:
    """All parts as one file, under its name when it is whole."""
    temporary = folder / "whole.tmp"
    parts = sorted(folder.glob("*.parquet"))
    pl.scan_parquet(parts, glob=False).sink_parquet(temporary, compression="zstd", maintain_order=True)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.rename(target)
    sync_folder(target.parent)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
