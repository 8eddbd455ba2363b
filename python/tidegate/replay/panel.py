"""The panel: requests whose labels the validator gets alone, so that some rows are new to every maker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.replay.plan import Plan
from tidegate.replay.rules import Pace
from tidegate.replay.timeline import HOUR

LEAST_SHARE, MOST_SHARE = 0.1, 0.25
WANTED_ROWS = 400
"""Of a panel between two retrainings, where the largest share allows it."""
FEWEST = 250
"""Rows that say enough of a version."""
SEED = 11


@dataclass(frozen=True)
class Panel:
    """Requests drawn at random: their labels are told to nobody but the validator."""

    plan: Plan
    withheld: NDArray[np.bool_]
    """Per label of the plan, in its order."""
    stretch: int
    """Microseconds between two retrainings: what is older is another world."""

    @classmethod
    def drawn(cls, plan: Plan, pace: Pace) -> Panel:
        """A tenth of the requests, up to a quarter where rows are few."""
        first, last = plan.requests[0].event_time, plan.requests[-1].event_time
        stretch = pace.retrain_panes * pace.pane_hours * HOUR
        stretches = max(1.0, (last - first) / stretch)
        share = min(MOST_SHARE, max(LEAST_SHARE, WANTED_ROWS * stretches / plan.events.height))
        mine = np.random.default_rng(SEED).random(len(plan.requests)) < share
        return cls(plan, mine[plan.request_of[plan.label_rows]], stretch)

    @property
    def told(self) -> Plan:
        """The plan with the labels that everybody gets."""
        kept = ~self.withheld
        return replace(
            self.plan, label_rows=self.plan.label_rows[kept], label_times=self.plan.label_times[kept]
        )

    def newest(self, until: int) -> pl.DataFrame:
        """The panel's last stretch up to ``until``; where that is too few rows, the last :data:`FEWEST`."""
        rows = self.rows(until - self.stretch, until)
        if rows.height >= FEWEST:
            return rows
        times = self.plan.label_times[self.withheld & (self.plan.label_times <= until)]
        return self.rows(int(times[-FEWEST]) - 1, until) if len(times) > FEWEST else self.rows(0, until)

    def rows(self, since: int, until: int) -> pl.DataFrame:
        """The panel's rows whose labels became known in (since, until], microseconds, in order of events."""
        times = self.plan.label_times
        mine = self.plan.label_rows[self.withheld & (times > since) & (times <= until)]
        return self.plan.events[np.sort(mine)]
