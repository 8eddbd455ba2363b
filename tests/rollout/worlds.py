"""Simulated outcomes, as panes for the ladder and as logs for an installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from tests.monitoring.spools import segment

from tidegate.rollout.adoption import adopt
from tidegate.rollout.ladder import Step, step
from tidegate.rollout.paired import Pairs
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Challenger, Exposed, Facts, PairFacts, Pane, State, VersionFacts

START = datetime(2013, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
Losses = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def pane(index: int, now: datetime | None = None) -> Pane:
    """The day ``index`` days after the start."""
    begin = START + index * DAY
    return Pane(index=index, begin=begin, end=begin + DAY, now=now or begin + DAY)


def coins(champion: float, challenger: float) -> Losses:
    """Losses of 0 and 1 with these means."""

    def draw(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        return random.random(n) < champion, random.random(n) < challenger

    return draw


def scores(gain: float, spread: float = 0.05) -> Losses:
    """Brier losses of two models on the same rows, whose mean differs by ``gain`` in favour of the second."""

    def draw(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        base = random.uniform(0.1, 0.5, n)
        d = gain + random.uniform(-spread, spread, n)
        return base, base - d

    return draw


@dataclass
class World:
    """An endpoint with champion 1 and challenger 2, whose keys are new in every pane; no log, no home."""

    policy: Policy
    losses: Losses
    random: np.random.Generator
    keys: int = 1000
    state: State = field(init=False)
    plan: dict[str, float] = field(default_factory=lambda: {"1": 1.0})
    shadows: list[str] = field(default_factory=lambda: ["2"])
    mirror: bool = False
    shares: list[float] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = State(policy=1, basis=self.policy.basis, done_until=START, champion="1")
        self.state = self.state.put(Challenger(version="2", phase="shadow", since=START))

    def facts(self, index: int) -> Facts:
        """One pane's outcomes under the plan."""
        champion, challenger = (np.asarray(x, dtype=float) for x in self.losses(self.random, self.keys))
        share = self.plan.get("2", 0.0)
        theirs = self.random.random(self.keys) < share
        versions = {}
        for number, mine, losses in (("1", ~theirs, champion), ("2", theirs, challenger)):
            n, total = int(mine.sum()), float(losses[mine].sum())
            versions[number] = VersionFacts(
                share=self.plan.get(number),
                shadow=number in self.shadows,
                rows=self.keys,
                answered=n,
                labelled=n,
                keys=n,
                loss_sum=total,
                loss=total / n if n else None,
            )
        exposed = Exposed(
            n_a=int((~theirs).sum()),
            x_a=float((1 - champion[~theirs]).sum()),
            n_b=int(theirs.sum()),
            x_b=float((1 - challenger[theirs]).sum()),
        )
        scored = self.mirror or "2" in self.shadows
        d = champion - challenger if scored else np.zeros(0)
        pairs = PairFacts(
            paired=Pairs.of(d, self.policy.eps, self.policy.g),
            exposed=exposed,
            rung_keys=int(theirs.sum()),
        )
        return Facts(pane=pane(index), versions=versions, pairs={"2": pairs}, mirror=self.mirror)

    def run(self, panes: int) -> World:
        """Lives through panes; stops when the challenger is crowned or ended."""
        for index in range(panes):
            facts = self.facts(index)
            state, _ = adopt(self.state, facts.versions, facts.pane.now, self.policy, 1)
            made = step(state, facts, self.policy)
            self.steps.append(made)
            self.state = made.moved
            if made.plan is not None:
                self.plan, self.shadows, self.mirror = (
                    dict(made.plan.weights),
                    list(made.plan.shadows),
                    made.plan.mirror,
                )
            self.shares.append(self.plan.get("2", 0.0))
            if self.state.champion == "2" or not self.state.active:
                break
        return self

    @property
    def highest(self) -> float:
        """The largest share that the challenger had."""
        return max(self.shares)


@dataclass
class Log:
    """A prediction and a label log that grow day by day; every row has its own key unless told otherwise."""

    home: Path
    random: np.random.Generator
    segments: int = 0

    def day(
        self,
        index: int,
        plan: dict[str, Any],
        scores: dict[str, Callable[[np.ndarray], np.ndarray]],
        *,
        rows: int = 200,
        key: Callable[[int], str | None] = lambda n: f"k{n}",
        label: bool = True,
    ) -> None:
        """Writes a day of rows as the plan of an installation would divide and mirror them.

        ``scores`` map the true probability [rows] to each version's score; labels are drawn from it.
        """
        truth = self.random.uniform(0.05, 0.95, rows)
        outcome = (self.random.random(rows) < truth).astype(float)
        given = {number: np.clip(score(truth), 0, 1) for number, score in scores.items()}
        answering = {v["version"]: v["weight"] for v in plan["variants"] if not v["shadow"]}
        names = sorted(answering, key=int)
        chosen = self.random.choice(len(names), rows, p=[answering[name] for name in names])
        predictions, labels = [], []
        for n in range(rows):
            identity = f"{index:08x}-{n:04x}-7000-8000-000000000000"
            at = START + index * DAY + n * (DAY / rows)
            who = names[chosen[n]]
            others = [v["version"] for v in plan["variants"] if v["shadow"]]
            mirrors = [v["version"] for v in plan["variants"] if v.get("mirror") and v["version"] != who]
            for number, role in [
                (who, "answer"),
                *((o, "shadow") for o in others),
                *((m, "mirror") for m in mirrors),
            ]:
                predictions.append(
                    row(
                        identity,
                        number,
                        role,
                        at,
                        float(given[number][n]),
                        key(index * rows + n),
                        plan["generation"],
                    )
                )
            if label:
                labels.append(told(identity, float(outcome[n]), at + timedelta(hours=6)))
        self.write("predictions", predictions)
        if labels:
            self.write("labels", labels)

    def write(self, spool: str, rows: list[dict[str, Any]]) -> None:
        """A growing segment of these rows."""
        self.segments += 1
        segment(self.home / spool / "flight", rows, number=self.segments)


def row(
    identity: str,
    version: str,
    role: str,
    at: datetime,
    score: float | None,
    key: str | None,
    generation: int,
) -> dict[str, Any]:
    """A row of the prediction log."""
    return {
        "prediction_id": identity,
        "row": 0,
        "role": role,
        "model": "delay",
        "version": version,
        "variant": f"sha256:{version}",
        "route": "weight",
        "sticky": key is not None,
        "generation": generation,
        "principal": "local",
        "key": key,
        "event_time": at,
        "received_at": at,
        "score": score,
        "gap": 0,
    }


def told(identity: str, value: float, at: datetime, event: str | None = None) -> dict[str, Any]:
    """A row of the label log."""
    return {
        "prediction_id": identity,
        "row": 0,
        "label": value,
        "event_id": event or identity,
        "observed_at": at,
        "received_at": at,
        "principal": "local",
    }


def worlds(policy: Policy, losses: Losses, runs: int, panes: int, keys: int = 1000) -> Iterator[World]:
    """Independent runs."""
    for seed in range(runs):
        yield World(policy, losses, np.random.default_rng(seed), keys).run(panes)
