"""A challenger on its way: up a rung, down a rung, out, or to the crown, and what it waits for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tidegate.rollout import words
from tidegate.rollout.floor import FloorWatch
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Challenger, Draining, Facts, State
from tidegate.types import Value

LN_STEP_DOWN = math.log(10)
LN_CALM = math.log(3)
_TINY = 1e-9


class Event(Value):
    """One thing that a pane's decision says."""

    rule: str
    version: str | None
    says: str


@dataclass
class Judged:
    """A pane's decision in the making."""

    facts: Facts
    policy: Policy
    state: State
    events: list[Event] = field(default_factory=list)
    risen: bool = False
    """Whether somebody went up: one does in a pane."""
    rivals: int = 1
    """Challengers that share alpha."""

    def say(self, rule: str, version: str | None, says: str) -> None:
        """Adds what was decided of a version, or of all."""
        self.events.append(Event(rule=rule, version=version, says=says))


def climb(pane: Judged, known: Challenger) -> bool:
    """Moves one challenger, or says what it waits for; True when it was crowned."""
    policy, version = pane.policy, known.version
    _, _, ln_harm = known.evidence(policy)
    needed = level(pane, known)
    guard = policy.guards.error_rate
    exposed = known.phase == "climb" or policy.evidence == "paired"
    if known.rows >= policy.n_min and known.unscored > guard * known.rows:
        _end(pane, known, "closed", "rollback", words.unscored(known, guard))
    elif exposed and ln_harm >= needed:
        _end(pane, known, "closed", "rollback", words.harmful(known, policy, needed))
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


def _admit(pane: Judged, known: Challenger) -> None:
    """From shadow to the first rung, or why not yet."""
    policy = pane.policy
    own = pane.facts.versions.get(known.version)
    if known.pairs.keys < policy.shadow_keys or known.pairs.ln_harm >= LN_CALM:
        pane.say("shadow", known.version, words.shadowing(known, policy))
    elif own is not None and not own.may_answer:
        pane.say("shadow", known.version, words.barred(known.version))
    else:
        _rise(pane, known)


def _rise(pane: Judged, known: Challenger) -> None:
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
        pane.say("hold", known.version, words.capped(known, policy, target, level(pane, known)))
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


def level(pane: Judged, known: Challenger) -> float:
    """The log evidence that a verdict on a challenger needs."""
    return pane.policy.level(pane.rivals, known.trial)


def _room(pane: Judged, known: Challenger, target: float) -> bool:
    """Challengers share the exploration cap; beyond it one climbs at a time.

    Who is shown to be no worse explores no more: it goes on though others fill the cap, else two good ones
    would hold each other at half of it forever. A shadow waits rather than push out who is nearly crowned.
    """
    cap = pane.policy.explore_cap + _TINY
    others = [each.share for each in pane.state.climbing if each.version != known.version]
    if known.phase == "shadow" and math.fsum(others) + target > 1 - _TINY:
        return False
    if target > cap or (known.ni and known.phase == "climb"):
        return all(share <= cap for share in others)
    return math.fsum(share for share in others if share <= cap) + target <= cap


def _place(pane: Judged, known: Challenger, share: float, *, cooldown: int) -> None:
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


def _end(pane: Judged, known: Challenger, phase: str, rule: str, says: str) -> None:
    """Stops judging a challenger: closed it answers nothing, inconclusive it keeps the least share."""
    keeps = pane.policy.min_share if phase == "inconclusive" and known.share > 0 else 0.0
    pane.state = pane.state.put(known.model_copy(update={"phase": phase, "share": keeps}))
    pane.say(rule, known.version, says)


def _crown(pane: Judged, known: Challenger) -> bool:
    """The challenger takes the champion's place, who goes on as a shadow for a while."""
    policy, now = pane.policy, pane.facts.pane.now
    missing = _waits(known, policy)
    if missing == "cooldown":
        pane.say("cooldown", known.version, words.cooling(known))
        return False
    if missing is not None or not known.sup:
        says = missing or words.capped(known, policy, 1.0, level(pane, known))
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
