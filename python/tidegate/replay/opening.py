"""The way of the first candidates: gates, the sealed set, approval by somebody else, production, traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.client import Client
from tidegate.errors import PreconditionError
from tidegate.replay.candidates import Trained, describe
from tidegate.replay.people import People
from tidegate.replay.source import Source
from tidegate.replay.validator import PRODUCTION, Validator
from tidegate.replay.view import View

UAT = "uat"


@dataclass
class Opened:
    """Who answers first, who shadows, and what became of the others."""

    champion: str = ""
    challenger: str | None = None
    ranking: list[str] = field(default_factory=list)
    """The numbers of those that may go on to production, best first."""
    says: str = ""
    """Who goes on, in words."""
    refused: dict[str, str] = field(default_factory=dict)
    """By number, what the gate said."""


def open_endpoint(
    people: People, validator: Validator, source: Source, candidates: Sequence[Trained], view: View
) -> Opened:
    """Brings the best candidate into production and the second best beside it as a shadow.

    Raises :class:`PreconditionError` when no candidate passes its gates.
    """
    model, opened = source.name, Opened()
    widest = max(candidates, key=lambda one: len(one.recipe.columns))
    context = [spec.to_json() for spec in source.context]
    people.operator.create_endpoint(model, model, version=widest.number, context=context)
    for one in candidates:
        refusal = refused(people.operator, model, one.number, UAT, "first candidate")
        if refusal is not None:
            opened.refused[one.number] = refusal
            view.say(f"refused: {one.recipe.name}: {refusal}")
        else:
            validator.judge(one.number)
    ranked = people.auditor.rank_versions(model, PRODUCTION)
    opened.ranking = [str(one["version"]) for one in ranked["ranking"]]
    opened.says = ranked["says"]
    view.say(opened.says)
    for one in ranked["others"]:
        if str(one["version"]) not in opened.refused:
            opened.refused[str(one["version"])] = one["says"]
            view.say(f"refused: {one['says']}")
    if not opened.ranking:
        raise PreconditionError(f"no candidate passes its gates: {'; '.join(opened.refused.values())}")
    for number in opened.ranking[:2]:
        validator.approve(number)
        people.operator.promote_version(model, number, PRODUCTION, "one of the two best that passed")
    opened.champion, *others = opened.ranking
    opened.challenger = others[0] if others else None
    shadows = [opened.challenger] if opened.challenger else []
    people.operator.set_traffic(model, {opened.champion: 1.0}, shadows, reason="the best that passed")
    return opened


def refused(operator: Client, model: str, number: str, stage: str, reason: str) -> str | None:
    """Moves a version; what the gate said when it may not move, None when it moved."""
    try:
        operator.promote_version(model, number, stage, reason)
    except PreconditionError as error:
        return str(error)
    return None


def describe_candidates(
    candidates: Sequence[Trained], opened: Opened, validator: Validator
) -> list[dict[str, Any]]:
    """The ``candidates`` of the result."""
    work = {opened.champion: "champion", opened.challenger: "shadow"}
    return [
        describe(one)
        | {
            "refused": opened.refused.get(one.number),
            "blind": validator.figures.get(one.number),
            "work": work.get(one.number, ""),
        }
        for one in candidates
    ]
