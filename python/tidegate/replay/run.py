"""A replay from nothing to the report, step by step, through the real processes."""

from __future__ import annotations

import importlib.util
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
from tidegate.installation import open_home
from tidegate.monitoring.control import shuffled_control
from tidegate.replay import candidates, home, opening, plan, report, review, serving, stale, story, worth
from tidegate.replay.candidates import Trained
from tidegate.replay.loop import House, Loop
from tidegate.replay.opening import Opened
from tidegate.replay.panel import Panel
from tidegate.replay.people import People
from tidegate.replay.review import Evidence, Variant
from tidegate.replay.rules import Rules, pane_rows, policy, settings
from tidegate.replay.server import Server
from tidegate.replay.source import Source
from tidegate.replay.validator import Validator
from tidegate.replay.view import View, candidates_table, periods_table, worth_table
from tidegate.types import Contract

JSON = dict[str, Any]
_NEEDED = ("sklearn", "skl2onnx", "tritonclient", "altair", "vl_convert", "jinja2")
SEED = 5
"""Of the shuffled control."""


class Replay:
    """One replay of a source at ``root``; what an earlier one left there is deleted."""

    def __init__(self, source: Source, rules: Rules, root: Path, console: Console | None = None) -> None:
        absent = next((name for name in _NEEDED if importlib.util.find_spec(name) is None), None)
        if absent is not None:  # said now, and not when the report is written
            raise ModuleNotFoundError(f"No module named {absent!r}", name=absent)
        self.source, self.rules = source, rules
        self.root = root.absolute()
        self.view = View(console or Console())
        self.plan = plan.make(source)
        self.panel = Panel.drawn(self.plan, rules.pace)

    def run(self) -> JSON:
        """Runs it and answers what it measured, which also lies in the home as ``report.json``.

        However it ends, no process that it started is left.
        """
        source, view = self.source, self.view
        result: JSON = {
            "format": 2,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "home": str(self.root),
            "loop": self.rules.loop,
            **{
                name: getattr(source, name)
                for name in ("name", "noun", "target", "question", "zone", "period")
            },
        }
        with _sigterm_interrupts(), tempfile.TemporaryDirectory(prefix="tidegate-replay-") as outside:
            home.make(self.root, settings(self.rules, self.plan.events.height))
            with Server(self.root) as server, People(self.root) as people:
                view.say(f"tidegate serve (process {server.pid}): gRPC and REST on {server.data_address}")
                live = _Live(self, server, people, Path(outside))
                live.prepare(result)
                view.show(candidates_table(result))
                with view.step("serving", "Serving: in order of event time, labels when they become known"):
                    live.serve(result)
            with view.step("review", "Review: labels against scores, and the drift figures a second time"):
                evidence = self._evidence(result, live)
                result |= review.review(evidence, view)
                story.tell(result)
                result["control"] = self._control(evidence.contract)
            if self.rules.loop:
                with view.step("stale", f"The same {source.noun} once more with the loop switched off"):
                    result["worth"] = self._worth(live, evidence.contract)
            with view.step("report", "Report"):
                result["seconds"] = {name: round(seconds, 1) for name, seconds in view.seconds.items()}
                report.write(result, self.root)
                (self.root / "report.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        view.show(periods_table(result))
        view.tell_story(result)
        if self.rules.loop:
            view.show(worth_table(result))
        view.conclude(result)
        return result

    def _evidence(self, result: JSON, live: _Live) -> Evidence:
        """What the stopped server left, with the profile of every version that was in a plan."""
        name, snapshots = self.source.name, live.served.snapshots
        seen = {digest for _, counts in snapshots for digest in review.digests(counts)}
        with open_home(self.root) as owner:
            contract = Contract.model_validate(owner.get_endpoint(name)["contract"])
            variants = [
                Variant(one["version"], one["digest"], owner.artifacts.get(one["profile"]))
                for one in result["versions"]
                if one["digest"] in seen
            ]
        return Evidence(self.root, name, contract, variants, snapshots, self.source.zone, self.source.period)

    def _control(self, contract: Contract) -> JSON:
        """Drift alarms on the same rows in an order that no drift can have."""
        return shuffled_control(
            self.source.rows,
            contract.inputs,
            pane_rows(self.plan.events.height),
            SEED,
            reference_rows=self.source.makers().height,
        )

    def _worth(self, live: _Live, contract: Contract) -> JSON:
        hours = self.rules.pace.pane_hours
        root = self.root / stale.FOLDER
        champion = next(one for one in live.made if one.number == live.opened.champion)
        without = stale.scores(self.source, champion, contract, root=root, plan=self.plan, view=self.view)
        current = worth.answered(self.root, self.source.name, self.plan, live.served.outcome.predictions)
        return worth.worth(worth.scores(self.plan, current, without, hours))


class _Live:
    """The part of a replay that needs the running server."""

    made: list[Trained]
    opened: Opened
    served: serving.Served

    def __init__(self, replay: Replay, server: Server, people: People, outside: Path) -> None:
        self._server, self._people, self._outside = server, people, outside
        self._source, self._rules, self._view = replay.source, replay.rules, replay.view
        self._panel = replay.panel
        self._plan = replay.panel.told if replay.rules.loop else replay.plan
        self._validator = Validator(people.validator, replay.source, replay.panel, outside / "validator")

    def prepare(self, result: JSON) -> None:
        """From data to the first plan: dataset, sealed set, candidates, gates, policy."""
        view, name = self._view, self._source.name
        with view.step("models", "Models: trained in worker processes, converted, compared, registered"):
            self._candidates(result)
        with view.step("gates", "Gates: what may answer, and what is refused"):
            sealed = self._validator.seal()
            view.say(f"{sealed['name']}: {sealed['rows']:,} rows that the makers never saw, sealed")
            self.opened = opening.open_endpoint(self._people, self._validator, self._source, self.made, view)
            body = policy(self._rules, self._plan)
            result["policy"] = self._people.operator.set_policy(name, body, "the rules of the house")["body"]
        result["candidates"] = opening.describe_candidates(self.made, self.opened, self._validator)

    def serve(self, result: JSON) -> None:
        """The whole plan with looks on the way, and what the house kept of it."""
        people, name, hours = self._people, self._source.name, self._rules.pace.look_hours
        contract = Contract.model_validate(people.operator.get_endpoint(name)["contract"])
        house = House(people.operator, people.retrainer, self._validator)
        loop = Loop(house, name, self._rules, self.opened.champion)
        with Client(home=self._server.home) as application:
            stage = serving.Stage(self._server, application, name, contract)
            look = loop.look if self._rules.loop else None
            self.served = serving.serve(stage, self._plan, self._view, hours, look)
        result |= serving.figures(self.served.outcome, serving.settled(self._server))
        result |= {
            "acts": loop.acts,
            "blind_sets": self._validator.sets,
            "panel": len(self._panel.plan.label_rows) - len(self._plan.label_rows),
            **story.collected(people.auditor, name),
            "why": people.auditor.why(name)["says"],
            "lineage": people.auditor.lineage(self.served.outcome.predictions[-1]),
            "audit": people.auditor.audit_verify(),
        }

    def _candidates(self, result: JSON) -> None:
        """The scientist's work: a dataset, and a version from each recipe."""
        source, view, scientist = self._source, self._view, self._people.scientist
        for note in source.notes:
            view.say(note)
        rows = source.makers()
        path = _write(rows, self._outside / "makers.parquet")
        dataset = scientist.register_dataset(
            f"{source.name}-reference", path, time_column=source.time, origin=source.origin
        )
        view.say(f"{dataset['name']}: {rows.height:,} rows, {dataset['digest'][:19]}…")
        scientist.create_model(source.name, source.question)
        with view.bars() as bars:
            tasks = {recipe.name: bars.add_task(recipe.name, total=1.0) for recipe in source.recipes}
            trained = candidates.train(
                source.recipes,
                path,
                self._outside / "training",
                lambda name, done: bars.update(
                    tasks[name], completed=done.fraction, description=f"{name}: {done.stage}"
                ),
            )
        self.made = candidates.register(scientist, source.name, trained, dataset["digest"])
        result["data"] = {
            "reference": source.rows.height - source.events.height,
            "makers": rows.height,
            "events": source.events.height,
            "begins": source.begins.isoformat(),
            "origin": source.origin,
            "datasets": [{key: dataset[key] for key in ("name", "version", "digest", "rows")}],
        }


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
