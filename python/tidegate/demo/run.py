"""The demo from nothing to the report, step by step, through the real processes."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from tidegate.demo import data, home, models, plan, report, review, serving
from tidegate.demo.models import ENDPOINT
from tidegate.demo.review import Evidence
from tidegate.demo.view import View, models_table, months_table
from tidegate.installation import open_home
from tidegate.types import Contract

DEFAULT_HOME = Path("demo-home")
ALL_MONTHS = len(data.EVENT_MONTHS)

JSON = dict[str, Any]


def run_demo(
    root: Path = DEFAULT_HOME,
    months: int = ALL_MONTHS,
    *,
    days: int | None = None,
    console: Console | None = None,
) -> JSON:
    """Runs the whole demo and answers what it measured, which also lies in the home as ``report.json``.

    ``months`` of the ten from March on are replayed, or only their first ``days``. What an earlier demo left
    at ``root`` is deleted. Progress goes to ``console``. However it ends, no process that it started is left.
    """
    root = root.absolute()
    view = View(console or Console())
    result: JSON = {
        "format": 1,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "home": str(root),
    }
    plan.check(months, days)
    with _sigterm_interrupts():
        home.make(root)
        with open_home(root) as installation:
            with view.step("data", "Data: each flight with what was known when its hour of departure began"):
                split, reference, result["data"] = data.prepare(installation, view)
            with view.step("models", "Models: trained in worker processes, converted, compared, registered"):
                versions, choice = models.prepare(installation, reference, view)
                at_work = models.at_work(installation, choice)
                contract = Contract.model_validate(installation.get_endpoint(ENDPOINT)["contract"])
        result |= models.describe(versions, choice)
        view.show(models_table(result))
        todo = plan.make(split.events, months=months, days=days)
        with view.step(
            "serving", "Serving: the year in order of event time, labels when a flight has landed"
        ):
            served = serving.serve(root, todo, contract, view)
        result |= served.figures
        with view.step("review", "Review: labels against scores, and the drift figures a second time"):
            result |= review.review(Evidence(root, ENDPOINT, contract, at_work, served.snapshots), view)
        with view.step("report", "Report"):
            result["seconds"] = {name: round(seconds, 1) for name, seconds in view.seconds.items()}
            report.write(result, root / "report.html")
            (root / "report.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        view.show(months_table(result))
        view.conclude(result)
    return result


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """A termination ends the demo as Ctrl-C does, so that what it started is stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
