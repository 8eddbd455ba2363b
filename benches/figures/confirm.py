"""Whether clients of others find what ours finds: wrk, h2load, ghz, each in turn with ours on one server."""

from __future__ import annotations

import contextlib
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benches import bodies, servers
from benches.bodies import GRPC_PATH, REST_PATH
from benches.client import Plan
from benches.environments import ROOT
from benches.figures.bench import Bench, Side, loaded
from benches.home import ENDPOINT
from benches.ratio import Result, compare, in_turn, missing
from benches.servers import Serving

CONNECTIONS = 16
WITHIN = 0.1
OUR_CLIENT = "our client"
GO = Path.home() / "go" / "bin"
SCRIPT = 'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = [==[{}]==]\n'


@dataclass(frozen=True)
class Client:
    """A program, what it prints its requests a second as, and how it is called."""

    program: str
    rate: re.Pattern[str]
    command: Callable[[Path, str, int], list[str]]
    surface: bodies.Surface


def _wrk(folder: Path, address: str, seconds: int) -> list[str]:
    pace = ["-t2", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    return ["wrk", *pace, "-s", str(folder / "wrk.lua"), f"http://{address}{REST_PATH}"]


def _h2load(folder: Path, address: str, seconds: int) -> list[str]:
    pace = ["-t2", f"-c{CONNECTIONS}", "-m1", f"-D{seconds}", f"-d{folder / 'frame'}"]
    headers = ["-Hcontent-type: application/grpc", "-Hte: trailers"]
    return ["h2load", *pace, *headers, f"http://{address}{GRPC_PATH}"]


def _ghz(folder: Path, address: str, seconds: int) -> list[str]:
    call = ["--insecure", "--call", GRPC_PATH.strip("/").replace("/", "."), "-B", str(folder / "message")]
    proto = ["--import-paths", str(ROOT / "proto"), "--proto", str(ROOT / "proto" / "inference.proto")]
    pace = ["-c", str(CONNECTIONS), "--connections", str(CONNECTIONS), "-z", f"{seconds}s"]
    return ["ghz", *call, *proto, *pace, address]


def _perf_analyzer(_: Path, address: str, seconds: int) -> list[str]:
    pace = ["--concurrency-range", str(CONNECTIONS), "--measurement-interval", str(1000 * seconds)]
    return ["perf_analyzer", "-m", ENDPOINT, "-i", "grpc", "-u", address, *pace]


CLIENTS = (
    Client("wrk", re.compile(r"Requests/sec:\s+([\d.]+)"), _wrk, "json"),
    Client("h2load", re.compile(r"finished in .*?, ([\d.]+) req/s"), _h2load, "grpc"),
    Client("ghz", re.compile(r"Requests/sec:\s+([\d.]+)"), _ghz, "grpc"),
    Client("perf_analyzer", re.compile(r"Throughput: ([\d.]+) infer/sec"), _perf_analyzer, "grpc"),
)


def confirm(bench: Bench) -> Iterator[Result]:
    """Each client on a peer, whose speed no client can change, and on ours, where lightness counts."""
    (bench.folder / "wrk.lua").write_text(SCRIPT.format(bench.bodies.first(bodies.rest).decode()))
    message = bench.bodies.first(bodies.grpc)
    (bench.folder / "message").write_bytes(message)
    (bench.folder / "frame").write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    with contextlib.ExitStack() as stack:
        us = stack.enter_context(bench.ours())
        body = bench.bodies.first(bodies.rest)
        fastapi = stack.enter_context(servers.peer("fastapi", bench.onnx, path=REST_PATH, body=body))
        grpcio = stack.enter_context(servers.peer("grpcio", bench.onnx))
        for client in CLIENTS:
            bench.now(f"confirming with {client.program}")
            peer = ("FastAPI", fastapi) if client.surface == "json" else ("grpcio.aio", grpcio)
            for name, server, judged in ((*peer, True), ("Tidegate", us, False)):
                if client.program == "perf_analyzer" and judged:
                    continue  # It asks for the model's configuration, which only ours has.
                yield _against(bench, client, name, server, judged)


def _against(bench: Bench, client: Client, name: str, server: Serving, judged: bool) -> Result:
    figure = f"{OUR_CLIENT} on {name}, {CONNECTIONS} connections"
    program = shutil.which(client.program) or shutil.which(client.program, path=str(GO))
    if program is None:
        return missing(figure, client.program, "not installed here")
    seconds = max(1, round(bench.seconds))
    plan: Plan = replace(bench.bodies.plan(client.surface), connections=CONNECTIONS)
    side = Side(name, server, plan)
    command = client.command(bench.folder, server.address, seconds)

    def theirs() -> float:
        done = subprocess.run([program, *command[1:]], check=False, capture_output=True, text=True)
        found = client.rate.search(done.stdout)
        if found is None:
            raise RuntimeError(f"{client.program} printed no rate: {done.stderr.strip()[-200:]}")
        return float(found[1])

    try:
        sides = {OUR_CLIENT: lambda: loaded(bench, side)["per_second"], client.program: theirs}
        figures = in_turn(sides, min(bench.rounds, 3))
    except RuntimeError as error:
        return missing(figure, client.program, str(error))
    found = compare(
        figure, "requests/s", (figures[OUR_CLIENT], figures[client.program]), theirs_name=client.program
    )
    if not judged:
        return found
    return replace(found, target=f"within {WITHIN:.0%}", met=abs(found.ratio - 1) <= WITHIN)
