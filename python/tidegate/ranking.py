"""Which versions may go on to a stage, best first, and in words who does and why the others do not."""

from __future__ import annotations

from typing import Any

from tidegate import gates
from tidegate.promotion import Promoter


def rank(promoter: Promoter, model: str, stage: str, by: str) -> dict[str, Any]:
    """The ranking of a model's versions for a move to ``stage`` by the metric ``by``.

    Returns:
        ``best`` (a version's number, or None), ``ranking`` (those that may go on, best first) and ``others``
        (with ``says``, why not), each with its figure and the verdicts of the move's gates but approval.

    """
    candidates = promoter.candidates(model, stage, by)
    ranking = gates.ranked(candidates, by)
    chosen = {found.digest for found in ranking}
    best = ranking[0] if ranking else None
    return {
        "model": model,
        "stage": stage,
        "by": by,
        "best": None if best is None else best.version,
        "says": _says(ranking, model, stage, by),
        "ranking": [found.to_json() for found in ranking],
        "others": [found.to_json() for found in candidates if found.digest not in chosen],
    }


def _says(ranking: list[gates.Candidate], model: str, stage: str, by: str) -> str:
    if not ranking:
        return f"no version of {model} may go on to {stage}"
    first = f"version {ranking[0].version} goes on to {stage}: {by} is {ranking[0].value:.4g}"
    if len(ranking) == 1:
        return f"{first}; no other passes"
    second = f"version {ranking[1].version}, {ranking[1].value:.4g}"
    if ranking[0].value == ranking[1].value:
        return f"{first}, the same as {second}; the older goes on"
    return f"{first}, before {second}"
