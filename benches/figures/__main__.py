"""``python -m benches.figures``: measure what is asked for, show a table, say what misses its bar."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from benches import client, machine
from benches.boosting import boosting
from benches.environments import ROOT
from benches.figures.answers import answers
from benches.figures.batches import batches
from benches.figures.bench import Bench
from benches.figures.confirm import confirm
from benches.figures.footprint import footprint
from benches.figures.inprocess import inprocess
from benches.figures.network import network
from benches.figures.overload import overload
from benches.figures.peers import PEERS, peers
from benches.figures.switches import switches
from benches.figures.table import table
from benches.figures.trees import trees
from benches.ratio import Result

FIGURES: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "inprocess": inprocess,
    "network": network,
    "batches": batches,
    "trees": trees,
    "switches": switches,
    "footprint": footprint,
    "overload": overload,
    "answers": answers,
    "peers": peers,
    "confirm": confirm,
}


def main() -> int:
    """Run the chosen figures; the exit code is 1 when a bar is missed."""
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 180)
    about = machine.machine()
    console.print(machine.told(about), highlight=False)
    results: list[Result] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name, console.status("building") as status:
        folder = Path(name)
        model = boosting(ROOT / "target" / "benches" / "boosting.onnx")
        bench = Bench.prepared(
            model,
            folder,
            client.build(),
            seconds=options.seconds,
            rounds=options.rounds,
            peers=options.peers,
            now=lambda what: status.update(f"measuring: {what}"),
        )
        for figure in options.only:
            results.extend(FIGURES[figure](bench))
    minutes = (time.monotonic() - began) / 60
    title = f"{options.rounds} rounds of {options.seconds:g} s, {minutes:.1f} minutes"
    console.print(table(results, title))
    if options.json:
        report = {"machine": about, "minutes": minutes, "results": [result.to_json() for result in results]}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if any(result.met is False for result in results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.figures", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of one measurement (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of every comparison (default: %(default)s)")
    parser.add_argument("--peers", default="all", help="all, none, or names (default: all)")
    parser.add_argument("--only", default=",".join(FIGURES), help="figures (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    options = parser.parse_args()
    options.only = options.only.split(",")
    chosen = {"all": tuple(PEERS), "none": ()}
    options.peers = chosen.get(options.peers, tuple(options.peers.split(",")))
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"no peer {', '.join(sorted(unknown))}; there are: {', '.join(PEERS)}")
    if unknown := set(options.only) - set(FIGURES):
        parser.error(f"no figure {', '.join(sorted(unknown))}; there are: {', '.join(FIGURES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
