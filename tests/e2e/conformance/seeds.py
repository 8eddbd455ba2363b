"""Real messages that the fuzz targets begin from. Each target must read every seed of its own."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
from tests.native import families
from tritonclient.grpc import service_pb2

from tidegate._native import Counters, ProfileBuilder

COLUMNS: dict[str, list[Any]] = {
    "distance": [719.0, None],
    "wind": [-0.5, 1e-3],
    "carrier": ["UA", "\u00e9\n"],
    "hour": [23, -(2**63)],
    "late": [True, False],
}
"""Two rows for the endpoint of the targets; it has a context column of every type beside these."""
CONTEXT: dict[str, list[Any]] = {
    "bytes": ["N1", ""],
    "fp64": [0.1, None],
    "fp16": [0.5, 2.0],
    "uint64": [2**64 - 1, 0],
    "int8": [-128, 127],
    "bool": [False, True],
}
PREDICTION = "01936f5a-7c00-7000-8000-000000000001"


def profile() -> ProfileBuilder:
    builder = ProfileBuilder()
    builder.numeric("distance", np.array([1.0, 2.0, np.nan, 4.0], dtype=np.float32), points=10)
    builder.categorical("carrier", ["AA", "UA", None])
    return builder


def profiles() -> Iterator[bytes]:
    """A profile with a numeric and a categorical feature."""
    yield profile().build().to_bytes()


def counts() -> Iterator[bytes]:
    """Counts of that profile."""
    counters = Counters(profile().build())
    yield counters.to_ipc("sha256:" + "0" * 64, "1")
    counters.numeric("distance", np.array([1.0, 9.0, np.nan, np.inf], dtype=np.float32))
    counters.categorical("carrier", ["UA", "ZZ", None])
    yield counters.to_ipc("sha256:" + "0" * 64, "2", shadow=True)


def deployments() -> Iterator[bytes]:
    """An endpoint with one version, and one with rules and masks."""
    version: dict[str, Any] = {
        "model": "delay",
        "version": "1",
        "digest": "sha256:" + "0" * 64,
        "onnx": "sha256:" + "1" * 64,
        "weight": 1.0,
        "slots": [[0, 9999]],
    }
    contract = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1], "columns": ["x"]}],
        "outputs": [{"name": "p", "datatype": "FP32", "shape": [-1, 1]}],
    }
    endpoint = {"id": "e", "name": "flight", "salt": "s", "slots": 10000, "contract": contract}
    yield json.dumps(
        {
            "format": 1,
            "generation": 1,
            "created_at": "2026-01-01T00:00:00Z",
            "endpoints": [endpoint | {"variants": [version]}],
        }
    ).encode()


def segments() -> Iterator[bytes]:
    """Arrow streams of one batch and of several."""
    rows = pl.DataFrame({"prediction_id": [PREDICTION] * 3, "score": [0.25, None, 1.0], "row": [0, 1, 2]})
    yield _stream(rows)
    yield _stream(pl.concat([rows] * 3, rechunk=False))


def trees() -> Iterator[bytes]:
    """A small model of a family each."""
    for family, kind in (
        ("tree", "binary"),
        ("tree", "number"),
        ("pipeline", "binary"),
        ("lightgbm", "binary"),
        ("xgboost", "number"),
    ):
        yield families.MAKERS[family][0](kind)


def infers() -> Iterator[bytes]:
    """Tensors in JSON, nested and flat, with and without what may stand beside them."""
    inputs = [
        {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [[719.0, -0.5], [None, 1e-3]]},
        {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": ["UA", "\u00e9\\\n"]},
        {"name": "hour", "shape": [2], "datatype": "INT64", "data": [23, -(2**63)]},
        {"name": "late", "shape": [2, 1], "datatype": "BOOL", "data": [[True], [False]]},
    ]
    yield json.dumps({"inputs": inputs}).encode()
    for name, values in CONTEXT.items():
        inputs.append({"name": name, "shape": [2], "datatype": name.upper(), "data": values})
    parameters = {"routing_key": "N1", "event_time": 1, "timeout": 9, "priority": 2, "unknown": [{}]}
    outputs = [{"name": "p", "parameters": {"binary_data": True}}]
    asked = {"id": "1", "parameters": parameters, "inputs": inputs, "outputs": outputs}
    yield json.dumps(asked, ensure_ascii=False).encode()


TENSORS: list[tuple[str, str, list[int], bytes]] = [
    ("x", "FP32", [2, 2], struct.pack("<4f", 719.0, -0.5, float("nan"), float("inf"))),
    ("carrier", "BYTES", [2, 1], b"\x02\0\0\0UA\x01\0\0\0\xff"),
    ("hour", "INT64", [2], struct.pack("<2q", 23, -1)),
    ("late", "BOOL", [2, 1], b"\x01\x00"),
    ("fp16", "FP16", [2], b"\x00\x3c\x00\x7e"),
    ("uint8", "UINT8", [2], b"\x00\xff"),
]
"""The same two rows as bytes."""


def binaries() -> Iterator[bytes]:
    """JSON with tensors behind it, after the JSON's length."""
    inputs = [
        {"name": n, "datatype": d, "shape": s, "parameters": {"binary_data_size": len(data)}}
        for n, d, s, data in TENSORS
    ]
    text = json.dumps({"inputs": inputs}).encode()
    yield struct.pack("<H", len(text)) + text + b"".join(data for *_, data in TENSORS)


def raw_bodies() -> Iterator[bytes]:
    """A tensor of two columns of every type, behind the type's number."""
    for number in range(12):
        yield bytes([number]) + b"\x01" * 16
    yield b"\x0c" + b"\x02\0\0\0UA" * 2


def scores() -> Iterator[bytes]:
    """Records and columns."""
    columns = COLUMNS | CONTEXT
    yield json.dumps({"columns": columns, "id": "a", "routing_key": 7, "event_time": 1}).encode()
    yield json.dumps({"records": _records(columns), "parameters": {"priority": 1}}).encode()


def invocations() -> Iterator[bytes]:
    """Three of the four forms of MLflow; the fourth needs an endpoint with one input."""
    rows = _records(COLUMNS)
    split = {"columns": list(COLUMNS), "index": [0, 1], "data": [list(row.values()) for row in rows]}
    yield json.dumps({"dataframe_split": split, "params": {"routing_key": "a"}}).encode()
    yield json.dumps({"dataframe_records": rows}).encode()
    yield json.dumps({"inputs": COLUMNS}).encode()
    tensors = {"x": [[1.0, 2.0]], "carrier": [["UA"]], "hour": [1], "late": [[False]]}
    yield json.dumps({"instances": tensors}).encode()


def tables() -> Iterator[bytes]:
    """CSV, quoted and not."""
    yield b"distance,wind,carrier,hour,late\n719,-0.5,UA,23,True\n,1e-3,,-1,false\n"
    yield b'"late","hour",carrier,wind,distance,"int8"\r\nTRUE,1,"U""A,\r\n",0,1,-128\r\n'


def streams() -> Iterator[bytes]:
    """Arrow streams, with plain and with dictionary columns."""
    columns = COLUMNS | CONTEXT
    schema = {"distance": pl.Float32(), "hour": pl.Int64(), "uint64": pl.UInt64(), "int8": pl.Int8()}
    rows = pl.DataFrame(columns, schema_overrides=schema)
    yield _stream(rows)
    yield _stream(rows.with_columns(pl.col("carrier").cast(pl.Categorical)))


def feedbacks() -> Iterator[bytes]:
    """One label, and several."""
    one = {"prediction_id": PREDICTION, "row": 1, "label": True, "observed_at": "2026-01-01T01:02:03.5+01:00"}
    yield json.dumps(one | {"endpoint": "flight"}).encode()
    many = [one, {"prediction_id": PREDICTION, "label": 0.5, "event_id": "e", "observed_at": -1}]
    yield json.dumps({"endpoint": "flight", "labels": many}).encode()


def key_tables() -> Iterator[bytes]:
    """Two principals and a key."""
    yield json.dumps(
        {
            "format": 1,
            "principals": [{"name": "bob", "rights": ["score", "look"]}, {"name": "eve", "rights": []}],
            "keys": [{"id": "bobskey001", "mac": "0f" * 32, "principal": "bob", "expires_at": 4_000_000_000}],
        }
    ).encode()


def heads() -> Iterator[bytes]:
    """Paths, and all that is read of a head."""
    yield b"/v2/models/flight%20delay/versions/1/infer\ninference-header-content-length: 12\n"
    yield (
        b"/v1/endpoints/e/score\ncontent-type: application/vnd.apache.arrow.stream; a=b\n"
        b"accept: a/b, c/d;q=0\n"
        b"content-encoding: gzip\naccept-encoding: br, deflate;q=0.5\ntidegate-timeout-ms: 250\n"
        b"grpc-timeout: 99999999H\ngrpc-encoding: gzip\nx-request-id: a-1\n"
        b"authorization: Bearer tg_bobskey001_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG\n"
    )


def packed() -> Iterator[bytes]:
    """Gzip and deflate, and a thousand to one of each."""
    for text in (b"{}" * 50, b" " * 900_000):
        yield b"\0" + gzip.compress(text)
        yield b"\1" + zlib.compress(text)


def frames() -> Iterator[bytes]:
    """Messages in a row, plain and compressed."""
    yield b"\x04" + _framed(0, b"one") + _framed(0, b"")
    yield b"\x07" + _framed(1, gzip.compress(b"three" * 99)) + _framed(0, b"four")


def grpc_infers() -> Iterator[bytes]:
    """Raw and typed contents."""
    request = service_pb2.ModelInferRequest(model_name="e", id="1")
    for name, datatype, shape, data in TENSORS:
        request.inputs.add(name=name, datatype=datatype, shape=shape)
        request.raw_input_contents.append(data)
    yield request.SerializeToString()
    typed = service_pb2.ModelInferRequest(model_name="e")
    typed.parameters["routing_key"].string_param = "N1"
    typed.parameters["priority"].uint64_param = 2
    typed.outputs.add(name="p")
    for (name, datatype, shape, _), field, values in zip(
        TENSORS[:4],
        ("fp32_contents", "bytes_contents", "int64_contents", "bool_contents"),
        ([1.0, 2.0, 3.0, 4.0], [b"UA", b""], [1, -1], [True, False]),
        strict=True,
    ):
        tensor = typed.inputs.add(name=name, datatype=datatype, shape=shape)
        getattr(tensor.contents, field).extend(values)
    yield typed.SerializeToString()


def grpc_scores() -> Iterator[bytes]:
    """Named columns of `tidegate.v1`, and an Arrow stream."""
    values = {
        "distance": _field(5, _field(1, struct.pack("<2f", 719.0, 0.5))),
        "wind": _field(6, _field(1, struct.pack("<2d", -0.5, 1.0))) + _field(8, b"\0\1"),
        "carrier": _field(7, _field(1, b"UA") + _field(1, b"\xff")) + _field(8, b"\1\0"),
        "hour": _field(3, _field(1, b"\x2e\x01")),
        "late": _field(2, _field(1, b"\1\0")),
    }
    columns = b"".join(_field(1, _field(1, name.encode()) + column) for name, column in values.items())
    yield _field(1, b"e") + _field(2, columns) + _field(4, b"id") + _field(5, b"key")
    yield from (_field(1, b"e") + _field(3, stream) for stream in streams())


def grpc_feedbacks() -> Iterator[bytes]:
    """Two labels of `tidegate.v1`."""
    label = _field(1, PREDICTION.encode()) + b"\x10\x01\x19" + struct.pack("<d", 1.0)
    yield _field(1, b"flight") + _field(2, label) + _field(2, label + _field(4, b"event"))


def _records(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _stream(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_ipc_stream(buffer)
    return buffer.getvalue()


def _framed(flag: int, message: bytes) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


def _field(number: int, value: bytes) -> bytes:
    """A protobuf field of bytes."""
    length = len(value)
    head = [length] if length < 128 else [length & 127 | 128, length >> 7]
    assert length < 1 << 14
    return bytes([number << 3 | 2, *head]) + value


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "arrow": streams,
    "binary": binaries,
    "coding": packed,
    "counts": counts,
    "csv": tables,
    "deployment": deployments,
    "feedback": feedbacks,
    "frames": frames,
    "grpc_feedback": grpc_feedbacks,
    "grpc_infer": grpc_infers,
    "grpc_score": grpc_scores,
    "headers": heads,
    "infer": infers,
    "invocation": invocations,
    "keys": key_tables,
    "profile": profiles,
    "raw_mode": raw_bodies,
    "score": scores,
    "segment": segments,
    "trees": trees,
}
"""Per target, where it begins."""
