"""The evidence-gated ladder: from what was known and what a pane says to a decision; no clock, no files.

``STATISTICS`` 11.3: a challenger worse by eps gets more than ``explore_cap`` with a chance of at most alpha,
ever; one that is not better gets more than ``ni_cap`` with at most alpha; one not worse by eps is rolled back
with at most alpha. Of K challengers at once each has alpha/K.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.rollout import words
from tidegate.rollout.climbing import Event, Judged, climb, level
from tidegate.rollout.floor import Mark
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Challenger, Contest, Facts, PairFacts, State, VersionFacts

LN_SRM = math.log(1000)
PRIOR = 0.75
"""1 - loss that is expected before any was seen."""
ORDER = (
    "freeze_srm",
    "rollback",
    "floor_break",
    "crown",
    "drained",
    "step_down",
    "inconclusive",
    "step_up",
    "admit",
    "shadow",
    "cooldown",
    "hold",
)
"""The rule that names a pane's decision is the first of these that applied."""
_TINY = 1e-9


@dataclass(frozen=True)
class Wanted:
    """A plan that the ladder asks for."""

    weights: dict[str, float]
    shadows: list[str]
    mirror: bool


@dataclass(frozen=True)
class Step:
    """A decision before anybody acts on it."""

    observed: State
    """With the pane counted and traffic as it was: what holds when nothing may or can move."""
    moved: State
    """What holds once ``plan`` is live."""
    events: tuple[Event, ...]
    plan: Wanted | None
    """None when traffic stays."""
    mark: Mark | None
    """What the floor's check said."""

    @property
    def rule(self) -> str:
        """The rule that names the decision."""
        return min((event.rule for event in self.events), key=ORDER.index)

    @property
    def move(self) -> str:
        """What ``plan`` does to traffic, as a rule."""
        moves = [event.rule for event in self.events if event.rule in MOVES]
        return min(moves, key=ORDER.index, default="admit")


def step(before: State, facts: Facts, policy: Policy) -> Step:
    """What one pane decides; ``before`` has adopted the plan (:func:`tidegate.rollout.adoption.adopt`)."""
    pane = Judged(facts, policy, before)
    mark = _observe(pane)
    _arm(pane, newly=pane.state.floor.broken and not before.floor.broken, mark=mark)
    observed = pane.state
    if observed.frozen:
        pane.say("freeze_srm", None, words.frozen(observed.ln_srm))
        plan = None
    else:
        _drain(pane)
        crowned = False
        for each in _by_promise(observed.active, policy):
            challenger = pane.state.find(each.version)
            crowned = crowned or (challenger is not None and climb(pane, challenger))
        plan = wanted(observed, pane.state, facts.versions, policy, mirror=facts.mirror)
        if plan is not None and not any(event.rule in MOVES for event in pane.events):
            pane.say("admit", None, words.placed(plan.shadows, plan.mirror))
    if not pane.events:
        pane.say(
            "hold",
            observed.champion,
            words.alone(observed.champion, facts, policy, broken=observed.floor.broken),
        )
    return Step(observed, pane.state, tuple(pane.events), plan, mark)


MOVES = frozenset({"rollback", "crown", "drained", "step_down", "inconclusive", "step_up"})
"""Rules that change who answers or shadows."""


def wanted(
    before: State, after: State, versions: Mapping[str, VersionFacts], policy: Policy, *, mirror: bool
) -> Wanted | None:
    """The plan that ``after`` stands for; None when it is the one that is live.

    Shadows that the ladder does not know stay.
    """
    shares = {known.version: known.share for known in after.challengers if known.share > 0}
    champion = str(after.champion)
    weights = {champion: round(1 - math.fsum(shares.values()), 9), **shares}
    own = [known.version for known in after.challengers if known.phase == "shadow"]
    own += [after.draining.version] if after.draining is not None else []
    known = {each.version for each in (*before.challengers, *after.challengers)}
    known |= {each.draining.version for each in (before, after) if each.draining is not None}
    others = [number for number, found in versions.items() if found.shadow and number not in known]
    shadows = sorted({number for number in [*own, *others] if number not in weights}, key=int)
    plan = Wanted(weights, shadows, policy.evidence == "paired" and bool(after.climbing))
    return None if _live(plan, versions, mirror=mirror) else plan


def _live(plan: Wanted, versions: Mapping[str, VersionFacts], *, mirror: bool) -> bool:
    weights = {number: found.share for number, found in versions.items() if found.share is not None}
    shadows = sorted((number for number, found in versions.items() if found.shadow), key=int)
    near = weights.keys() == plan.weights.keys() and all(
        abs(share - plan.weights[number]) <= _TINY for number, share in weights.items()
    )
    return near and shadows == plan.shadows and mirror == plan.mirror


def _observe(pane: Judged) -> Mark | None:
    """Counts the pane: floor, shares of keys, and each challenger's evidence."""
    state, policy, mark = pane.state, pane.policy, None
    prior = PRIOR if state.value is None else state.value
    champion = pane.facts.versions[str(state.champion)]
    if champion.keys:
        state = state.changed(value=1 - champion.loss_sum / champion.keys)
        if policy.floor is not None:
            floor, mark = state.floor.add(champion.keys, champion.loss_sum, policy.floor.threshold)
            state = state.changed(floor=floor)
    state = state.counted(pane.facts.assignments)
    if state.climbing and state.ln_srm >= LN_SRM:
        state = state.changed(frozen=True)
    if state.draining is not None and pane.facts.pane.end > state.draining.since:
        left = max(0, state.draining.panes_left - 1)
        state = state.changed(draining=state.draining.model_copy(update={"panes_left": left}))
    pane.rivals = len(state.active)
    for known in state.active:
        state = state.put(_count(pane, known, prior))
    pane.state = state
    return mark


def _count(pane: Judged, known: Challenger, prior: float) -> Challenger:
    policy = pane.policy
    pair = pane.facts.pairs.get(known.version, PairFacts())
    own = pane.facts.versions.get(known.version, VersionFacts())
    contest = known.contest
    if policy.evidence == "exposed" and known.phase == "climb":
        contest = (contest or Contest.start(prior)).add(pair.exposed, policy)
    counted = known.model_copy(
        update={
            "pairs": known.pairs.add(pair.paired),
            "contest": contest,
            "panes": known.panes + 1,
            "cooldown": max(0, known.cooldown - 1),
            "rung_keys": known.rung_keys + pair.rung_keys,
            "rows": known.rows + own.rows,
            "unscored": known.unscored + own.unscored,
        }
    )
    ln_ni, ln_sup, _ = counted.evidence(policy)
    needed = level(pane, known)
    return counted.model_copy(
        update={"ni": known.ni or ln_ni >= needed, "sup": known.sup or ln_sup >= needed}
    )


def _arm(pane: Judged, *, newly: bool, mark: Mark | None) -> None:
    """A broken floor makes challengers of the shadows that may answer."""
    state, policy = pane.state, pane.policy
    if newly and mark is not None and policy.floor is not None:
        pane.say("floor_break", state.champion, words.broke(str(state.champion), mark, policy.floor))
    if not state.floor.broken:
        return
    leaving = state.draining.version if state.draining is not None else None
    for number, found in pane.facts.versions.items():
        if found.shadow and found.may_answer and number != leaving and state.find(number) is None:
            pane.state = pane.state.put(Challenger(version=number, phase="shadow", since=pane.facts.pane.end))
            pane.say("admit", number, words.admitted(number))


def _drain(pane: Judged) -> None:
    leaving = pane.state.draining
    if leaving is not None and leaving.panes_left == 0:
        pane.state = pane.state.changed(draining=None)
        pane.say("drained", leaving.version, words.drained(leaving.version))


def _by_promise(active: tuple[Challenger, ...], policy: Policy) -> list[Challenger]:
    """Who may go up first: the largest share, then the most evidence of being better."""
    return sorted(active, key=lambda known: (-known.share, -known.evidence(policy)[1], int(known.version)))
