"""``python -m benches``: measure, print ratios, and say what misses its target."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from benches.boosting import boosting
from benches.counting import counting
from benches.ratio import Result
from benches.scoring import scoring
from benches.serving import serving

ROOT = Path(__file__).resolve().parent.parent
CASES = ("scoring", "counting", "serving")


def main() -> int:
    """Run the chosen cases; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    # The empty list is what no argument gives.
    parser.add_argument(
        "cases", nargs="*", choices=[*CASES, []], metavar="case", help=f"{', '.join(CASES)} (default: all)"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    console = Console()
    results = []
    for case in options.cases or CASES:
        with console.status(f"measuring: {case}"):
            results.append(_measure(case))
        console.print(_told(results[-1]), highlight=False)
    if options.json:
        options.json.write_text(json.dumps(_report(results), indent=1) + "\n")
    return 0 if all(result.met for result in results) else 1


def _measure(case: str) -> Result:
    if case == "counting":
        return counting()
    model = boosting(ROOT / "target" / "benches" / "boosting.onnx")
    return scoring(model) if case == "scoring" else serving(model)


def _told(result: Result) -> str:
    return (
        f"{result.name}: {result.ours:,.1f} {result.unit}, {result.theirs_name} {result.theirs:,.1f}\n"
        f"  ratio {result.ratio:.2f} ({result.ratio_low:.2f} to {result.ratio_high:.2f}),"
        f" target {result.target}: {'met' if result.met else 'MISSED'}"
    )


def _report(results: list[Result]) -> dict[str, object]:
    packages = ("tidegate", "onnxruntime", "grpcio", "numpy")
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "results": [result.to_json() for result in results],
    }


if __name__ == "__main__":
    sys.exit(main())
