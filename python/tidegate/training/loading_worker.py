"""The child process in which a model is first loaded: ``python -m tidegate.training.loading_worker PARENT``.

Its standard input is one JSON object: paths of the model, ONNX Runtime's library, the profile and the golden
answers, the signature, limits. It confines itself before the bytes are looked at, then loads them as the
scoring process does, runs them, and says where it is and what it found, one JSON object a line. What ends it
is the parent's to tell. It imports little: it runs before every first publishing of a version.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate._native import ReferenceProfile, Scorer, endless_loop
from tidegate.errors import ModelRefusedError, TidegateError
from tidegate.training.confinement import confine, isolate, tight
from tidegate.training.loops import refuse_loops

Tensors = dict[str, NDArray[Any]]

BATCHES = (1, 64)
MEASURED_SECONDS = 0.02
"""For each batch size; the median of what fits, at least three runs."""
TOLERANCE = 1e-5
"""How far a floating answer may be from the one that was recorded when the version was registered."""
OUT_OF_MEMORY = ("bad_alloc", "allocat", "out of memory", "memoryerror")
_TYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    **{f"UINT{bits}": np.dtype(f"u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"f{bits // 8}") for bits in (16, 32, 64)},
    "BYTES": np.object_,
}


class Refused(Exception):  # noqa: N818 -- it never leaves this process
    """Why the model can't be served: a code and words."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def main(parent: int) -> None:
    """Isolates, reads, confines, loads, runs, answers and ends."""
    apart = isolate(parent)
    task = json.loads(sys.stdin.buffer.read())
    try:
        say(report=_look(task, network_namespace=apart))
    except Refused as refused:
        say(refused=refused.code, reason=refused.reason)
    except MemoryError:
        say(refused="PROBE_OOM", reason="it needs more memory than a model of its size may have")
    except TidegateError as error:
        say(refused=_code(error), reason=str(error))
    os._exit(0)


def _look(task: dict[str, Any], *, network_namespace: bool) -> dict[str, Any]:
    say(stage="reading")
    onnx = Path(task["onnx"]).read_bytes()
    profile = Path(task["profile"]).read_bytes() if task["profile"] else None
    golden = json.loads(Path(task["golden"]).read_bytes()) if task["golden"] else None
    # Whatever the runtime opens and starts once, before nothing can be opened any more.
    Scorer(tiny_model(), task["library"])
    with open("/proc/self/statm", "rb", buffering=0) as statm:  # noqa: PTH123 -- unbuffered, read again and again

        def resident() -> int:
            statm.seek(0)
            return int(statm.read().split()[1]) * resource.getpagesize()

        held = confine(task["address_space"], task["cpu_seconds"], network_namespace=network_namespace)
        if not tight(held):
            held["tight"] = False
        found = _loaded(onnx, task, resident)
        if profile is not None:
            say(stage="reading its profile")
            ReferenceProfile.from_bytes(profile)
        scorer = found.pop("scorer")
        found |= _run(scorer, task, golden)
        found["memory_bytes"] = max(0, resident() - found.pop("before"))
    return found | {"confinement": held}


def _loaded(onnx: bytes, task: dict[str, Any], resident: Callable[[], int]) -> dict[str, Any]:
    """The scorer, what runs it and why, how long it took."""
    say(stage="loading")
    if not task["allow_loops"]:
        try:
            refuse_loops(onnx)
        except ModelRefusedError as error:
            raise Refused("LOOP_FORBIDDEN", str(error)) from error
    before, began = resident(), time.perf_counter()
    scorer = Scorer(onnx, task["library"])
    took = time.perf_counter() - began
    _check_signature(scorer.signature(), task["signature"])
    return {
        "scorer": scorer,
        "before": before,
        "load_seconds": round(took, 6),
        "loops": endless_loop(onnx) is not None,
        "runs_on": getattr(scorer, "runs_on", "onnxruntime"),
        "why": getattr(scorer, "reason", "every graph runs there"),
    }


def _check_signature(found: Any, registered: dict[str, Any]) -> None:
    for side in ("inputs", "outputs"):
        has = {spec["name"]: spec["datatype"] for spec in found[side]}
        says = {spec["name"]: spec["datatype"] for spec in registered[side]}
        if side == "outputs":
            has = {name: datatype for name, datatype in has.items() if name in says}
        if has != says:
            raise Refused(
                "SIGNATURE_DIFFERS", f"its {side} are {_shown(has)}; it was registered with {_shown(says)}"
            )


def _run(scorer: Scorer, task: dict[str, Any], golden: dict[str, Any] | None) -> dict[str, Any]:
    specs = scorer.signature()["inputs"]
    shapes = {spec["name"]: spec["shape"] for spec in specs} | task["shapes"]
    single = any(spec["shape"][:1] == [1] for spec in specs)
    say(stage="running on zeros")
    zeros = {spec["name"]: _zeros(spec["datatype"], shapes[spec["name"]], 1) for spec in specs}
    _deterministic(scorer, zeros)
    rows = {
        spec["name"]: _made(spec["datatype"], shapes[spec["name"]], 1 if single else 16) for spec in specs
    }
    if golden is not None:
        say(stage="running its golden rows")
        rows = {spec["name"]: _array(golden["inputs"][spec["name"]], spec["datatype"]) for spec in specs}
    answers = _deterministic(scorer, rows)
    difference = None if golden is None else _difference(answers, golden["outputs"])
    floating = [values for values in answers.values() if values.dtype.kind == "f"]
    say(stage="being measured")
    return {
        "golden_rows": 0 if golden is None else len(next(iter(rows.values()))),
        "golden_difference": difference,
        "nonfinite": int(sum((~np.isfinite(values)).sum() for values in floating)),
        "row_microseconds": {
            str(batch): _microseconds(scorer, _batch(rows, batch)) / batch
            for batch in BATCHES
            if batch == 1 or not single
        },
    }


def _deterministic(scorer: Scorer, rows: Tensors) -> Tensors:
    first, again = scorer.score(rows), scorer.score(rows)
    for name, values in first.items():
        if not np.array_equal(values, again[name], equal_nan=values.dtype.kind == "f"):
            raise Refused("NOT_DETERMINISTIC", f"output {name!r} differs between two runs of the same rows")
    return first


def _difference(answers: Tensors, recorded: dict[str, Any]) -> float:
    """The largest distance from the recorded answers; other answers than those are refused."""
    largest = 0.0
    for name, listed in recorded.items():
        values = answers[name]
        if values.dtype.kind != "f":
            if values.tolist() != listed:
                raise Refused("GOLDEN_DIFFERS", f"output {name!r} is not what was recorded")
            continue
        expected = _array(listed, "FP64")
        if values.shape != expected.shape or (np.isnan(values) != np.isnan(expected)).any():
            raise Refused("GOLDEN_DIFFERS", f"output {name!r} has NaN or a shape that was not recorded")
        with np.errstate(invalid="ignore"):
            gap = np.where(values == expected, 0.0, np.abs(values.astype(np.float64) - expected))
        scale = np.maximum(1.0, np.abs(np.nan_to_num(expected, posinf=1.0, neginf=1.0)))
        worst = float(np.nan_to_num(gap / scale, nan=0.0, posinf=np.inf).max(initial=0.0))
        if worst > TOLERANCE:
            raise Refused("GOLDEN_DIFFERS", f"output {name!r} is {worst:.3g} from what was recorded")
        largest = max(largest, worst)
    return largest


def _microseconds(scorer: Scorer, rows: Tensors) -> float:
    """The median time of a call, as Python sees it."""
    taken: list[float] = []
    end = time.perf_counter() + MEASURED_SECONDS
    while len(taken) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        scorer.score(rows)
        taken.append(time.perf_counter() - began)
    return round(sorted(taken)[len(taken) // 2] * 1e6, 3)


def _batch(rows: Tensors, size: int) -> Tensors:
    return {name: np.resize(values, (size, *values.shape[1:])) for name, values in rows.items()}


def _zeros(datatype: str, shape: list[int], rows: int) -> NDArray[Any]:
    sizes = (rows, *(1 if size < 0 else size for size in shape[1:]))
    return np.full(sizes, "", np.object_) if datatype == "BYTES" else np.zeros(sizes, _TYPES[datatype])


def _made(datatype: str, shape: list[int], rows: int) -> NDArray[Any]:
    """Small numbers that differ from row to row."""
    values = _zeros(datatype, shape, rows)
    if datatype == "BYTES":
        return values
    counted = np.arange(values.size).reshape(values.shape) % 7
    return (counted % 2 if datatype == "BOOL" else counted).astype(values.dtype)


def _array(listed: Any, datatype: str) -> NDArray[Any]:
    """The array that was written as JSON: null is NaN, infinities are words."""
    if not datatype.startswith("FP"):
        return np.array(listed, _TYPES[datatype])
    plain = np.array(listed, np.object_)
    numbers = [np.nan if value is None else float(value) for value in plain.ravel()]
    return np.array(numbers, _TYPES[datatype]).reshape(plain.shape)


def _code(error: TidegateError) -> str:
    return "PROBE_OOM" if any(word in str(error).lower() for word in OUT_OF_MEMORY) else "LOAD_FAILED"


def _shown(types: dict[str, str]) -> str:
    return ", ".join(f"{name} {datatype}" for name, datatype in types.items()) or "none"


def tiny_model() -> bytes:
    """An ONNX graph of one Identity, written by hand: field numbers are those of onnx.proto."""

    def field(number: int, payload: bytes | int) -> bytes:
        if isinstance(payload, int):
            return bytes([number << 3, payload])
        return bytes([number << 3 | 2, len(payload)]) + payload

    def tensor(name: bytes) -> bytes:
        shape = field(2, field(1, field(2, b"n")))
        return field(1, name) + field(2, field(1, field(1, 1) + shape))

    node = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"g") + field(11, tensor(b"x")) + field(12, tensor(b"y"))
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))


def say(**words: Any) -> None:
    """One line for the parent."""
    os.write(1, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
