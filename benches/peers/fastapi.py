"""FastAPI with orjson over onnxruntime: the Open Inference Protocol's JSON, read and written without models.

``python -m benches.peers.fastapi MODEL.onnx PORT [WORKERS]``. ``/typed`` is the same with a Pydantic body, as
FastAPI's own documentation writes it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from benches.peers.session import opened

MODEL = "BENCH_MODEL"


class Tensor(BaseModel):
    """An input of the typed route."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Infer(BaseModel):
    """The body of the typed route."""

    inputs: list[Tensor]


app = FastAPI()
_session = opened(os.environ[MODEL]) if MODEL in os.environ else None


def _answer(name: str, data: list[float], shape: list[int]) -> Response:
    assert _session is not None
    x = np.array(data, np.float32).reshape(shape)
    label, probabilities = _session.run(None, {name: x})
    answer: dict[str, Any] = {
        "model_name": "bench",
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": label.shape, "data": label},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": probabilities.shape,
                "data": probabilities.ravel(),
            },
        ],
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


@app.post("/v2/models/bench/infer")
async def infer(request: Request) -> Response:
    """One inference on the event loop: a thread would cost more than the model."""
    (tensor,) = orjson.loads(await request.body())["inputs"]
    return _answer(tensor["name"], tensor["data"], tensor["shape"])


@app.post("/typed")
async def typed(body: Infer) -> Response:
    """The same, checked."""
    (tensor,) = body.inputs
    return _answer(tensor.name, tensor.data, tensor.shape)


if __name__ == "__main__":
    os.environ[MODEL] = sys.argv[1]
    workers = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    uvicorn.run(
        "benches.peers.fastapi:app",
        host="127.0.0.1",
        port=int(sys.argv[2]),
        workers=workers,
        access_log=False,
        log_level="warning",
    )
