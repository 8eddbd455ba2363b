"""Days that steering lives through: rows by the plan in real logs, and a look after each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.rollout.worlds import Log

from tidegate import Installation
from tidegate.rollout import Policy, recheck

Score = Callable[[np.ndarray], np.ndarray]
FAST = {
    "mode": "auto",
    "evidence": "paired",
    "floor": {"loss": "brier", "threshold": 0.2},
    "ladder": [5, 25, 50, 99],
    "n_min": 5,
    "shadow_keys": 100,
    "cooldown": 0,
}


def true(p: np.ndarray) -> np.ndarray:
    return p


def wrong(p: np.ndarray) -> np.ndarray:
    return 1 - p


def near(p: np.ndarray) -> np.ndarray:
    """Nearly as good."""
    return 0.5 + 0.85 * (p - 0.5)


class Days:
    """Lives through days: rows as the plan has them, then a look."""

    def __init__(self, installation: Installation, seed: int = 1) -> None:
        self.installation = installation
        self.log = Log(installation.home.root, np.random.default_rng(seed))
        self.index = 0

    def __call__(self, count: int, rows: int = 200, **scores: Score) -> list[dict[str, Any]]:
        made = []
        for _ in range(count):
            given = {name.removeprefix("v"): score for name, score in scores.items()}
            self.log.day(self.index, self.installation.get_traffic("flight"), given, rows=rows)
            self.index += 1
            made += self.installation.steer("flight")["decisions"]
        return made


def slots(installation: Installation) -> dict[str, Any]:
    document = installation.registry.deployments.document()
    assert document is not None
    (entry,) = document["endpoints"]
    return {v["version"]: (v["slots"], v["weight"], v["shadow"], v["mirror"]) for v in entry["variants"]}


def wrongly_kept(installation: Installation) -> list[int]:
    """Decisions that don't follow from what they keep."""
    endpoint = installation.registry.endpoints.get("flight").id
    policies = {kept.id: Policy.read(kept.body) for kept in installation.registry.policies.all(endpoint)}
    kept = installation.registry.decisions.all(endpoint)
    assert sum("pane" in decision.body for decision in kept) > 0
    return recheck(kept, policies)
