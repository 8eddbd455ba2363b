"""Memory of a server with many small models, and how soon it is ready."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from benches import home, servers
from benches.bodies import rest
from benches.environments import ROOT
from benches.figures.bench import Bench
from benches.ratio import Result, value
from benches.servers import Serving
from benches.small import SMALL, small

MEGABYTES = 80.0
SECONDS = 0.3
STARTS = 5
MB = 1 << 20


def footprint(bench: Bench) -> Iterator[Result]:
    """Resident memory over the size of the models with and without drift counters, and the time to ready."""
    models = small(ROOT / "target" / "benches" / "small")
    own = sum(map(len, models)) / MB
    shown = {"models_mb": own}
    resident: dict[str, list[float]] = {}
    ready: dict[str, list[float]] = {}
    for number in range(STARTS):
        bench.now(f"{SMALL} small models, start {number + 1}")
        for what, reference in (("", None), (" and drift counters", bench.model.reference)):
            served = [home.Served(f"small-{n}", onnx, reference) for n, onnx in enumerate(models)]
            folder = _home(bench, served)
            with servers.tidegate(folder) as server:
                for name in (one.name for one in served):
                    _asked(server, name, bench.bodies.first(rest))
                resident.setdefault(what, []).append(server.resident_bytes() / MB - own)
                ready.setdefault(f"{SMALL} small models{what}", []).append(server.ready_seconds)
        with bench.ours() as server:
            ready.setdefault("the bench's model", []).append(server.ready_seconds)
    for what, found in resident.items():
        name = f"{SMALL} small models{what}, memory over their own {own:.2g} MB"
        yield value(name, "MB", found, at_most=None if what else MEGABYTES, details=shown)
    for what, found in ready.items():
        bar = SECONDS if what == "the bench's model" else None
        yield value(f"start to ready, {what}", "s", found, at_most=bar)


def _home(bench: Bench, served: list[home.Served]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="small-", dir=bench.folder))
    home.make_many(folder, served)
    return folder


def _asked(server: Serving, name: str, body: bytes) -> None:
    url = f"http://{server.address}/v2/models/{name}/infer"
    answer = httpx.post(url, content=body, headers={"content-type": "application/json"}, trust_env=False)
    if not answer.is_success:
        raise RuntimeError(f"{name} did not answer: {json.loads(answer.content)}")
