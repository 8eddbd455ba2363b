"""A replay from nothing to the report, step by step, through the real processes."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import polars as pl
from rich.console import Console

from tidegate.client import Client
from tidegate.replay import candidates, home, opening, plan, report, review, serving
from tidegate.replay.candidates import Trained
from tidegate.replay.opening import Opened
from tidegate.replay.people import People
from tidegate.replay.review import Evidence, Variant
from tidegate.replay.rules import Rules, settings
from tidegate.replay.server import Server
from tidegate.replay.source import Source
from tidegate.replay.view import View, candidates_table, periods_table
from tidegate.types import Contract

JSON = dict[str, Any]


class Replay:
    """One replay of a source at ``root``; what an earlier one left there is deleted."""

    def __init__(self, source: Source, rules: Rules, root: Path, console: Console | None = None) -> None:
        self.source, self.rules = source, rules
        self.root = root.absolute()
        self.view = View(console or Console())

    def run(self) -> JSON:
        """Runs it and answers what it measured, which also lies in the home as ``report.json``.

        However it ends, no process that it started is left.
        """
        source, view = self.source, self.view
        result: JSON = {
            "format": 2,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "home": str(self.root),
            **{
                name: getattr(source, name)
                for name in ("name", "noun", "target", "question", "zone", "period")
            },
        }
        todo = plan.make(source)
        with _sigterm_interrupts(), tempfile.TemporaryDirectory(prefix="tidegate-replay-") as outside:
            home.make(self.root, settings(self.rules, todo.events.height))
            with Server(self.root) as server, People(self.root) as people:
                view.say(f"tidegate serve (process {server.pid}): gRPC and REST on {server.data_address}")
                with view.step(
                    "models", "Models: trained in worker processes, converted, compared, registered"
                ):
                    made, result["data"] = self._candidates(people, Path(outside))
                with view.step("gates", "Gates: what may answer, and what is refused"):
                    opened = opening.open_endpoint(people, source, made, view)
                result["candidates"] = opening.describe_candidates(made, opened)
                view.show(candidates_table(result))
                with view.step("serving", "Serving: in order of event time, labels when they become known"):
                    evidence, figures = self._serve(server, people, todo, made, opened)
            result |= figures
            with view.step("review", "Review: labels against scores, and the drift figures a second time"):
                result |= review.review(evidence, view)
            with view.step("report", "Report"):
                result["seconds"] = {name: round(seconds, 1) for name, seconds in view.seconds.items()}
                report.write(result, self.root / "report.html")
                (self.root / "report.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            view.show(periods_table(result))
            view.conclude(result)
        return result

    def _candidates(self, people: People, outside: Path) -> tuple[list[Trained], JSON]:
        """The scientist's work: a dataset, and a version from each recipe."""
        source, view = self.source, self.view
        for note in source.notes:
            view.say(note)
        rows = source.makers()
        path = _write(rows, outside / "makers.parquet")
        dataset = people.scientist.register_dataset(
            f"{source.name}-reference", path, time_column=source.time, origin=source.origin
        )
        view.say(f"{dataset['name']}: {rows.height:,} rows, {dataset['digest'][:19]}…")
        people.scientist.create_model(source.name, source.question)
        with view.bars() as bars:
            tasks = {recipe.name: bars.add_task(recipe.name, total=1.0) for recipe in source.recipes}
            trained = candidates.train(
                source.recipes,
                path,
                outside / "training",
                lambda name, done: bars.update(
                    tasks[name], completed=done.fraction, description=f"{name}: {done.stage}"
                ),
            )
        made = candidates.register(people.scientist, source.name, trained, dataset["digest"])
        figures = {
            "reference": source.rows.height - source.events.height,
            "makers": rows.height,
            "blind": source.blind().height,
            "events": source.events.height,
            "begins": source.begins.isoformat(),
            "origin": source.origin,
            "datasets": [{key: dataset[key] for key in ("name", "version", "digest", "rows")}],
        }
        return made, figures

    def _serve(
        self, server: Server, people: People, todo: plan.Plan, made: list[Trained], opened: Opened
    ) -> tuple[Evidence, JSON]:
        name = self.source.name
        contract = Contract.model_validate(people.operator.get_endpoint(name)["contract"])
        with Client(home=self.root) as application:
            stage = serving.Stage(server, application, name, contract)
            served = serving.serve(stage, todo, self.view, self.rules.pace.look_hours)
        figures = serving.figures(served.outcome, serving.settled(server))
        figures |= {
            "lineage": people.auditor.lineage(served.outcome.last_prediction),
            "audit": people.auditor.audit_verify(),
        }
        variants = [
            Variant(one.number, one.digest, (one.folder / "profile.arrow").read_bytes())
            for one in made
            if one.number in {opened.champion, opened.challenger}
        ]
        return Evidence(
            self.root, name, contract, variants, served.snapshots, self.source.zone, self.source.period
        ), figures


def _write(rows: pl.DataFrame, path: Path) -> Path:
    """Writes Parquet whose bytes follow from the rows alone, so that the same data gets the same digest."""
    rows.write_parquet(path, compression="zstd", statistics=True)
    return path


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """A termination ends the replay as Ctrl-C does, so that what it started is stopped."""
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
