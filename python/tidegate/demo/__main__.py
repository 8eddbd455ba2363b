"""``python -m tidegate.demo``: the demo without the rest of the command line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from tidegate.demo.run import ALL_MONTHS, DEFAULT_HOME, run_demo
from tidegate.errors import TidegateError


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; 0 when it went well, 1 for an error, 130 when it was interrupted."""
    parser = argparse.ArgumentParser(
        "tidegate demo", description="A year of flights through the real processes."
    )
    parser.add_argument(
        "--home", type=Path, default=DEFAULT_HOME, help="where to make it (default: demo-home)"
    )
    parser.add_argument(
        "--months", type=int, default=ALL_MONTHS, help="how many from March on (default: all 10)"
    )
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    chosen = parser.parse_args(arguments)
    try:
        result = run_demo(chosen.home, chosen.months, console=Console(stderr=chosen.json))
    except TidegateError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the next demo starts clean\n")
        return 130
    if chosen.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
