"""What every figure is measured with: the model, its requests, the client, and how long."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benches import client, home, servers
from benches.bodies import Bodies
from benches.boosting import Boosting
from benches.client import Plan, Run
from benches.ratio import in_turn
from benches.servers import Serving

WARM_SECONDS = 0.5


@dataclass(frozen=True)
class Bench:
    """The tools of one run of the command."""

    model: Boosting
    onnx: Path
    bodies: Bodies
    load: Path
    folder: Path
    seconds: float
    rounds: int
    peers: tuple[str, ...] = ()
    now: Callable[[str], None] = lambda _: None

    @classmethod
    def prepared(cls, model: Boosting, folder: Path, load: Path, **more: Any) -> Bench:
        """With the files that servers and client read laid into ``folder``."""
        onnx = folder / "model.onnx"
        onnx.write_bytes(model.onnx)
        return cls(model=model, onnx=onnx, bodies=Bodies(model, folder), load=load, folder=folder, **more)

    @contextlib.contextmanager
    def ours(self, *, drift: bool = True, log: bool = True, **settings: Any) -> Iterator[Serving]:
        """Our server over a home with the model, drift counting and the prediction log on or off."""
        folder = Path(tempfile.mkdtemp(prefix="home-", dir=self.folder))
        home.make(folder, self.model, drift=drift, log=log)
        with servers.tidegate(folder, **settings) as server:
            yield server


@dataclass(frozen=True)
class Side:
    """A server and what is sent to it."""

    name: str
    server: Serving
    plan: Plan


class Sides:
    """Several servers under the same load, in turn."""

    def __init__(self, bench: Bench, sides: list[Side]) -> None:
        self._bench = bench
        self._sides = sides
        self._runs: dict[str, list[dict[str, float]]] = {side.name: [] for side in sides}

    def measured(self, rounds: int | None = None) -> dict[str, list[float]]:
        """Requests a second of each side in each round."""
        for side in self._sides:
            checked(self._bench, side)
        turns = {side.name: self._turn(side) for side in self._sides}
        return in_turn(turns, self._bench.rounds if rounds is None else rounds)

    def figures(self, name: str, what: str) -> list[float]:
        """One of the figures of a side, round by round."""
        return [run[what] for run in self._runs[name]]

    def details(self, *names: str) -> dict[str, dict[str, float]]:
        """Medians of the figures of each side."""
        return {name: medians(self._runs[name]) for name in names}

    def _turn(self, side: Side) -> Callable[[], float]:
        def turn() -> float:
            run = loaded(self._bench, side)
            self._runs[side.name].append(run)
            return run["per_second"]

        return turn


def checked(bench: Bench, side: Side) -> None:
    """A short run that warms a server up and in which every answer is compared with onnxruntime's."""
    client.run(bench.load, side.server.address, side.plan.lasting(WARM_SECONDS)).flawless()


def loaded(bench: Bench, side: Side) -> dict[str, float]:
    """One run, in which all must answer well, and the server's processor time a request in it."""
    # To compare the answers takes processor time of the client's, which is the server's as well.
    plan = replace(side.plan, answers=None, seconds=bench.seconds)
    before = side.server.cpu_seconds()
    run: Run = client.run(bench.load, side.server.address, plan).flawless()
    cpu = (side.server.cpu_seconds() - before) / run.requests * 1e6
    return {"per_second": run.per_second, "p50_us": run.p50_us, "p99_us": run.p99_us, "server_cpu_us": cpu}


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]} if runs else {}
