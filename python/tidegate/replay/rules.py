"""The rules that a replay's house lives by: stages and gates, floor and ladder, and how often it looks."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tidegate.replay.plan import Plan
from tidegate.replay.source import LONG, Source

EPS = 0.005
"""How much worse a challenger's mean Brier score may be."""
_HOURS = (1, 2, 3, 4, 6, 8, 12)
MOST_PANES = 100
_MOST_PANE_ROWS, _LEAST_PANE_ROWS = 1000, 100


@dataclass(frozen=True)
class Pace:
    """How often is looked, in panes; a pane is a day, or some hours of a short recording."""

    pane_hours: int = 24
    maturity_hours: int = 24
    """How long after a pane's end its labels are waited for."""
    look_panes: int = 2
    drift_panes: int = 7
    """Between two checks for drift."""
    retrain_panes: int = 28
    """Between two retrainings, at least."""

    @property
    def look_hours(self) -> int:
        """Between two looks."""
        return self.pane_hours * self.look_panes


@dataclass(frozen=True)
class Rules:
    """What is asked of versions and of traffic."""

    metric: str = "auc"
    least: float = 0.6
    """What a version must reach on its makers' held-out rows."""
    least_blind: float = 0.6
    """What it must reach on the validator's sealed set."""
    floor: float | None = 0.2
    """The largest Brier score that a version may have while it answers; None for no floor."""
    loop: bool = True
    """Whether traffic is steered and models are retrained."""
    pace: Pace = Pace()

    @property
    def gate(self) -> str:
        """The bound on the makers' figure, as a move names it."""
        return f"{self.metric} >= {self.least:g}"

    @property
    def blind_gate(self) -> str:
        """The bound on the sealed set's figure."""
        return f"blind.{self.metric} >= {self.least_blind:g}"


def pace(source: Source) -> Pace:
    """Days for a recording of more than 45 days, else hours that give up to 100 panes.

    Labels are waited for as long as most take.
    """
    span = source.span / timedelta(hours=1)
    hours = 24 if source.span >= LONG else next(hours for hours in _HOURS if span <= MOST_PANES * hours)
    waits = (source.rows[source.known] - source.rows[source.time]).drop_nulls()
    usual = waits.quantile(0.99) if waits.len() else None
    seconds = usual.total_seconds() if isinstance(usual, timedelta) else 0.0
    return Pace(pane_hours=hours, maturity_hours=hours * max(1, math.ceil(seconds / 3600 / hours)))


def policy(rules: Rules, plan: Plan) -> dict[str, Any]:
    """The endpoint's policy: by itself, on paired outcomes, with steps that the number of requests allows.

    Paired evidence declares that an answer does not change its own outcome: true of a recording.
    """
    first, last = plan.requests[0].event_time, plan.requests[-1].event_time
    panes = max(1.0, (last - first) / 3_600_000_000 / rules.pace.pane_hours)
    keys = len(plan.requests) / panes
    return {
        "mode": "auto" if rules.loop else "off",
        "evidence": "paired",
        "floor": None if rules.floor is None else {"loss": "brier", "threshold": rules.floor},
        "ladder": [5, 10, 25, 50, 75, 99] if keys >= 20 else [10, 25, 50, 99],
        "n_min": max(2, min(50, round(0.4 * keys))),
        "eps": EPS,
        "shadow_keys": max(20, min(200, round(4 * keys))),
        "pane_hours": rules.pace.pane_hours,
        "maturity_hours": rules.pace.maturity_hours,
    }


def pane_rows(events: int) -> int:
    """The rows of a drift pane: 1,000, fewer of a recording that would have few panes."""
    return max(_LEAST_PANE_ROWS, min(_MOST_PANE_ROWS, events // 200))


def settings(rules: Rules, events: int) -> str:
    """The ``tidegate.toml`` of a replay's home: production alone answers, and each move has its gates."""
    made = [rules.gate, "conversion"]
    moves: list[dict[str, Any]] = [
        {"from": "development", "to": "uat", "gates": made},
        {"from": "uat", "to": "production", "gates": [*made, rules.blind_gate, "approval"]},
        *({"from": stage, "to": "archived", "gates": []} for stage in ("development", "uat", "production")),
    ]
    shown = ",\n".join(
        f'    {{ from = "{move["from"]}", to = "{move["to"]}", gates = {json.dumps(move["gates"])} }}'
        for move in moves
    )
    return f"""# The settings of a replay's home.
require_production = true
steer_seconds = 0
pane_rows = {pane_rows(events)}

[log]
batch_milliseconds = 50
segment_bytes = {4 << 20}

[stages]
require_metrics = true
moves = [
{shown},
]
"""
