"""The evidence-gated ladder: from what was known and what a pane says to a decision; no clock, no files.

``STATISTICS`` 11.3: a challenger worse by eps gets more than ``explore_cap`` with a chance of at most alpha,
ever; one that is not better gets more than ``ni_cap`` with at most alpha; one not worse by eps is rolled back
with at most alpha. Of K challengers at once each has alpha/K.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.rollout import words
from tidegate.rollout.floor import FloorWatch, Mark
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Challenger, Contest, Draining, Facts, PairFacts, State, VersionFacts
from tidegate.types import Value

LN_SRM = math.log(1000)
LN_STEP_DOWN = math.log(10)
LN_CALM = math.log(3)
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


class Event(Value):
    """One thing that a pane's decision says."""

    rule: str
    version: str | None
    says: str


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


@dataclass
class _Pane:
    """A step in the making."""

    facts: Facts
    policy: Policy
    state: State
    events: list[Event] = field(default_factory=list)
    risen: bool = False
    rivals: int = 1
    """Challengers that share alpha."""

    def say(self, rule: str, version: str | None, says: str) -> None:
        self.events.append(Event(rule=rule, version=version, says=says))


def step(before: State, facts: Facts, policy: Policy) -> Step:
    """What one pane decides; ``before`` has adopted the plan (:func:`tidegate.rollout.adoption.adopt`)."""
    pane = _Pane(facts, policy, before)
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
            crowned = crowned or (challenger is not None and _climb(pane, challenger))
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


def _observe(pane: _Pane) -> Mark | None:
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


def _count(pane: _Pane, known: Challenger, prior: float) -> Challenger:
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
    level = _level(pane, known)
    return counted.model_copy(update={"ni": known.ni or ln_ni >= level, "sup": known.sup or ln_sup >= level})


def _arm(pane: _Pane, *, newly: bool, mark: Mark | None) -> None:
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


def _drain(pane: _Pane) -> None:
    leaving = pane.state.draining
    if leaving is not None and leaving.panes_left == 0:
        pane.state = pane.state.changed(draining=None)
        pane.say("drained", leaving.version, words.drained(leaving.version))


def _by_promise(active: tuple[Challenger, ...], policy: Policy) -> list[Challenger]:
    """Who may go up first: the largest share, then the most evidence of being better."""
    return sorted(active, key=lambda known: (-known.share, -known.evidence(policy)[1], int(known.version)))


def _climb(pane: _Pane, known: Challenger) -> bool:
    """Moves one challenger, or says what it waits for; True when it was crowned."""
    policy, version = pane.policy, known.version
    _, _, ln_harm = known.evidence(policy)
    level = _level(pane, known)
    guard = policy.guards.error_rate
    exposed = known.phase == "climb" or policy.evidence == "paired"
    if known.rows >= policy.n_min and known.unscored > guard * known.rows:
        _end(pane, known, "closed", "rollback", words.unscored(known, guard))
    elif exposed and ln_harm >= level:
        _end(pane, known, "closed", "rollback", words.harmful(known, policy, level))
    elif known.panes >= policy.t_max and known.share <= policy.explore_cap + _TINY:
        _end(pane, known, "inconclusive", "inconclusive", words.inconclusive(known))
    elif known.phase == "shadow":
        _admit(pane, known)
    elif ln_harm >= LN_STEP_DOWN and known.share > policy.min_share + _TINY and not known.cooldown:
        lower = [rung for rung in policy.rungs if rung < known.share - _TINY]
        share = max([*lower[-1:], policy.min_share])
        _place(pane, known, share, cooldown=2 * policy.cooldown)
        pane.say("step_down", version, words.stepped(known, share, words.worse(known, policy)))
    elif known.share >= policy.rungs[-1] - _TINY:
        return _crown(pane, known)
    else:
        _rise(pane, known)
    return False


def _admit(pane: _Pane, known: Challenger) -> None:
    """From shadow to the first rung, or why not yet."""
    policy = pane.policy
    own = pane.facts.versions.get(known.version)
    if known.pairs.keys < policy.shadow_keys or known.pairs.ln_harm >= LN_CALM:
        pane.say("shadow", known.version, words.shadowing(known, policy))
    elif own is not None and not own.may_answer:
        pane.say("shadow", known.version, words.barred(known.version))
    else:
        _rise(pane, known)


def _rise(pane: _Pane, known: Challenger) -> None:
    """One rung up, or what is missing for it."""
    policy = pane.policy
    target = next(rung for rung in policy.rungs if rung > known.share + _TINY)
    cap = policy.rungs[-1] if known.sup else policy.ni_cap if known.ni else policy.explore_cap
    missing = _waits(known, policy) if known.phase == "climb" else None
    missing = missing or ("cooldown" if known.cooldown else None)
    if missing == "cooldown":
        pane.say("cooldown", known.version, words.cooling(known))
    elif missing is not None:
        pane.say("hold", known.version, missing)
    elif target > cap + _TINY:
        pane.say("hold", known.version, words.capped(known, policy, target, _level(pane, known)))
    elif pane.risen or not _room(pane, known, target):
        pane.say("hold", known.version, words.crowded(known.version, target))
    else:
        pane.risen = True
        _place(pane, known, target, cooldown=policy.cooldown)
        pane.say("step_up", known.version, words.stepped(known, target, words.shown(known, policy)))


def _waits(known: Challenger, policy: Policy) -> str | None:
    """What a climbing challenger lacks for its next step, whichever it is."""
    if known.cooldown:
        return "cooldown"
    if known.rung_keys < policy.n_min:
        return words.few_keys(known, policy.n_min)
    if known.evidence(policy)[2] >= LN_CALM:
        return words.doubtful(known, policy)
    return None


def _level(pane: _Pane, known: Challenger) -> float:
    return pane.policy.level(pane.rivals, known.trial)


def _room(pane: _Pane, known: Challenger, target: float) -> bool:
    """Challengers share the exploration cap; beyond it one climbs at a time."""
    cap = pane.policy.explore_cap + _TINY
    others = [each.share for each in pane.state.climbing if each.version != known.version]
    if target > cap:
        return all(share <= cap for share in others)
    return math.fsum(share for share in others if share <= cap) + target <= cap


def _place(pane: _Pane, known: Challenger, share: float, *, cooldown: int) -> None:
    """Gives a challenger a share; others that no longer fit beside it are shadows again."""
    now = pane.facts.pane.now
    begins = known.phase == "shadow" and pane.policy.evidence == "exposed"
    place = {
        "phase": "climb",
        "share": share,
        "rung_since": now,
        "rung_keys": 0,
        "cooldown": cooldown,
        "since": now if begins else known.since,
    }
    pane.state = pane.state.put(known.model_copy(update=place))
    for other in pane.state.climbing:
        total = math.fsum(each.share for each in pane.state.challengers)
        if total > 1 - _TINY and other.version != known.version:
            pane.state = pane.state.put(other.restarted(now))
    if pane.state.srm_since is None:
        pane.state = pane.state.changed(srm_since=now, srm=())


def _end(pane: _Pane, known: Challenger, phase: str, rule: str, says: str) -> None:
    """Stops judging a challenger: closed it answers nothing, inconclusive it keeps the least share."""
    keeps = pane.policy.min_share if phase == "inconclusive" and known.share > 0 else 0.0
    pane.state = pane.state.put(known.model_copy(update={"phase": phase, "share": keeps}))
    pane.say(rule, known.version, says)


def _crown(pane: _Pane, known: Challenger) -> bool:
    """The challenger takes the champion's place, who goes on as a shadow for a while."""
    policy, now = pane.policy, pane.facts.pane.now
    missing = _waits(known, policy)
    if missing == "cooldown":
        pane.say("cooldown", known.version, words.cooling(known))
        return False
    if missing is not None or not known.sup:
        says = missing or words.capped(known, policy, 1.0, _level(pane, known))
        pane.say("hold", known.version, says)
        return False
    old = str(pane.state.champion)
    pane.state = pane.state.changed(
        champion=known.version,
        challengers=tuple(each.restarted(now) for each in pane.state.active if each.version != known.version),
        draining=Draining(version=old, since=now, panes_left=policy.drain_panes),
        floor=FloorWatch(),
        value=None,
        srm=(),
        srm_since=None,
    )
    pane.say("crown", known.version, words.crowned(known, old, policy))
    return True
