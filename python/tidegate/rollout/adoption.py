"""What somebody changed by hand since the last pane is taken over by the ladder, not fought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.rollout.floor import FloorWatch
from tidegate.rollout.paired import Pairs
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Challenger, State, VersionFacts

SAME = 1e-6
"""Shares that differ by less are the same."""


def adopt(
    state: State, versions: Mapping[str, VersionFacts], now: datetime, policy: Policy, policy_id: int
) -> tuple[State, list[str]]:
    """The state with the plan as it stands and the newest policy, and what was new in either, in words.

    Whoever has most of the weight becomes champion when the champion no longer answers. A version that
    answers beside it is a challenger, with the share that it was given; one that left the plan is none any
    more.
    """
    weights = {number: found.share for number, found in versions.items() if found.share}
    shadows = frozenset(number for number, found in versions.items() if found.shadow)
    hand = _Hand(policy, weights, shadows, now)
    state = hand.enthroned(hand.ruled(state, policy_id))
    if state.draining is not None and state.draining.version not in shadows:
        state = state.changed(draining=None)
    for known in state.challengers:
        state = hand.followed(state, known)
    for number in sorted(weights, key=int):
        if number != state.champion and state.find(number) is None:
            state = hand.followed(state, Challenger(version=number, phase="shadow", since=now))
    if state.climbing and state.srm_since is None:
        state = state.changed(srm_since=now, srm=())
    if not state.climbing:
        state = state.changed(srm_since=None, srm=())
    return state, hand.notes


@dataclass
class _Hand:
    """The plan and the policy as people left them."""

    policy: Policy
    weights: dict[str, float]
    shadows: frozenset[str]
    now: datetime
    notes: list[str] = field(default_factory=list)

    def ruled(self, state: State, policy_id: int) -> State:
        """The state under the newest policy: freeze and break end, evidence for another question is gone."""
        if state.policy != policy_id:
            floor = state.floor.model_copy(update={"broken": False})  # the next pane breaks it again, or not
            state = state.changed(policy=policy_id, frozen=False, srm=(), srm_since=None, floor=floor)
        if state.basis == self.policy.basis:
            return state
        if state.active:
            self.notes.append("the policy asks another question: evidence begins anew")
        if state.basis.split()[1] != self.policy.loss:
            state = state.changed(floor=FloorWatch(), value=None)
        fresh = {"since": self.now, "ni": False, "sup": False, "pairs": Pairs(), "contest": None, "panes": 0}
        challengers = tuple(
            known.model_copy(update=fresh) if known.active else known for known in state.challengers
        )
        return state.changed(basis=self.policy.basis, challengers=challengers)

    def enthroned(self, state: State) -> State:
        """The state with the champion that answers."""
        if state.champion in self.weights:
            return state
        heir = max(self.weights, key=lambda number: (self.weights[number], -int(number)))
        if state.champion is not None:
            self.notes.append(
                f"version {state.champion} no longer answers: version {heir} is champion, by hand"
            )
        others = tuple(
            known.restarted(self.now) if known.active else known
            for known in state.challengers
            if known.version != heir
        )
        return state.changed(champion=heir, challengers=others, floor=FloorWatch(), value=None, srm=())

    def followed(self, state: State, known: Challenger) -> State:
        """The state with a challenger where the plan has it."""
        share = self.weights.get(known.version)
        if share is not None:
            return state if abs(share - known.share) <= SAME else state.put(self._exposed(known, share))
        if known.phase == "inconclusive":
            return state.put(known.model_copy(update={"share": 0.0}))
        if not known.active:
            return state
        if known.version in self.shadows:
            return state.put(self._shadowing(known))
        if not known.placed:
            return state
        self.notes.append(f"version {known.version} was taken out by hand and is no challenger any more")
        rest = tuple(each for each in state.challengers if each.version != known.version)
        return state.changed(challengers=rest)

    def _exposed(self, known: Challenger, share: float) -> Challenger:
        self.notes.append(f"version {known.version} was given {share:.2%} by hand")
        if not known.active:
            known = known.restarted(self.now).model_copy(update={"trial": known.trial + 1})
        begins = known.phase == "shadow" and self.policy.evidence == "exposed"
        place = {
            "phase": "climb",
            "placed": True,
            "share": share,
            "rung_since": self.now,
            "rung_keys": 0,
            "cooldown": 2 * self.policy.cooldown,
            "since": self.now if begins else known.since,
        }
        return known.model_copy(update=place)

    def _shadowing(self, known: Challenger) -> Challenger:
        if known.phase == "climb":
            self.notes.append(f"version {known.version} was made a shadow again by hand")
            return known.restarted(self.now)
        return known.model_copy(update={"placed": True})
