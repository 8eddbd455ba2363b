"""The validator's work: rows that the makers never saw are sealed, versions judged by them and approved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tidegate import sealed
from tidegate.client import Client
from tidegate.errors import InvalidInputError, PreconditionError
from tidegate.replay.panel import Panel
from tidegate.replay.source import Source
from tidegate.store.files import write_new
from tidegate.training import blind_rows

PRODUCTION = "production"
BUDGET = 40
"""Versions that a sealed set may judge."""
ROUNDING = 0.001
"""Of the figures that a sealed set tells: what lies closer is the same."""
METRIC = "auc"


class Validator:
    """Somebody with the role ``model_validator`` and an identity that lies outside of the home."""

    def __init__(self, client: Client, source: Source, panel: Panel, folder: Path) -> None:
        self._client, self._source, self._panel, self._folder = client, source, panel, folder
        self._identity = folder / "identity.txt"
        self._recipient = ""
        self.sets: list[dict[str, Any]] = []
        """What was sealed, oldest first: ``name``, ``rows``, ``artifact``."""
        self.figures: dict[str, dict[str, Any]] = {}
        """What the newest set said, by version number."""

    def seal(self) -> dict[str, Any]:
        """Seals the last part of the reference, adds it as a blind set, and says what it is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._recipient = sealed.keygen(self._identity)
        return self._add(self._source.blind(), "the last part of the reference")

    def renew(self, at: int, champion: str) -> str | None:
        """Seals the panel's newest rows up to ``at`` (microseconds) and judges the champion by them.

        Old rows would judge a version by a world that is gone. With too few of a class the set before stays,
        and the answer is None.
        """
        rows = self._panel.newest(at)
        try:
            blind_rows.labels(rows, self._source.target)
        except InvalidInputError:
            return None
        made = self._add(rows, "labels that were told to the validator alone")
        self.judge(champion)
        return f"{made['name']}: {made['rows']:,} rows sealed whose labels nobody else was told"

    def judge(self, number: str) -> dict[str, Any]:
        """What the newest set says of a version: aggregates, or ``failed`` with why."""
        identity = sealed.identity_in(self._identity.read_text(encoding="utf-8"))
        found = self._client.judge_blind(self.sets[-1]["name"], number, identity)
        self.figures[number] = found["figures"]
        return self.figures[number]

    def approve(self, number: str, against: str | None = None) -> str | None:
        """Approves a judged version for production, unless it is worse than ``against``; why not, or None.

        Worse is a sealed-set figure that is lower by more than the rounding.
        """
        mine, theirs = self._value(number), self._value(against) if against else None
        if mine is None:
            return f"the sealed set has no {METRIC} of version {number}"
        if theirs is not None and mine < theirs - ROUNDING - 1e-9:
            return (
                f"the validator does not approve version {number}: {METRIC} on the sealed set is {mine:.3f},"
                f" that of version {against} is {theirs:.3f}"
            )
        beside = "" if theirs is None else f", {theirs:.3f} of version {against}"
        reason = f"{METRIC} on the sealed set is {mine:.3f}{beside}"
        try:
            self._client.approve_version(self._source.name, number, PRODUCTION, reason)
        except (InvalidInputError, PreconditionError) as error:
            return str(error)
        return None

    def _add(self, rows: pl.DataFrame, what: str) -> dict[str, Any]:
        name = f"{self._source.name}-blind-{len(self.sets) + 1}"
        path = self._folder / f"{name}.age"
        write_new(path, sealed.seal(blind_rows.packed(rows, self._source.target), [self._recipient]), 0o600)
        times = rows[self._source.time].sort().dt.strftime("%Y-%m-%d")
        made = self._client.add_blind_set(
            name, self._source.name, path, budget=BUDGET, description=f"{what}, {times[0]} to {times[-1]}"
        )
        self.sets.append({"name": name, "rows": rows.height, "artifact": made["artifact"]})
        self.figures = {}
        return self.sets[-1]

    def _value(self, number: str) -> float | None:
        value = self.figures.get(number, {}).get(METRIC)
        return None if value is None else float(value)
