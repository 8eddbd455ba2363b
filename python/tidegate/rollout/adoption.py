"""What somebody changed by hand since the last pane is taken over by the ladder, not fought."""

from __future__ import annotations

from collections.abc import Mapping
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
    state, notes = _policy(state, now, policy, policy_id)
    weights = {number: found.share for number, found in versions.items() if found.share}
    shadows = {number for number, found in versions.items() if found.shadow}
    if state.champion not in weights:
        state = _enthrone(state, max(weights, key=lambda number: (weights[number], -int(number))), now, notes)
    if state.draining is not None and state.draining.version not in shadows:
        state = state.changed(draining=None)
    for known in state.challengers:
        state = _follow(
            state, known, weights.get(known.version), known.version in shadows, now, policy, notes
        )
    for number in sorted(weights, key=int):
        if number != state.champion and state.find(number) is None:
            state = state.put(Challenger(version=number, phase="shadow", since=now))
            state = _follow(state, state.challengers[-1], weights[number], False, now, policy, notes)
    if state.climbing and state.srm_since is None:
        state = state.changed(srm_since=now, srm=())
    if not state.climbing:
        state = state.changed(srm_since=None, srm=())
    return state, notes


def _policy(state: State, now: datetime, policy: Policy, policy_id: int) -> tuple[State, list[str]]:
    notes: list[str] = []
    if state.policy != policy_id:
        state = state.changed(policy=policy_id, frozen=False, srm=(), srm_since=None)
    if state.basis != policy.basis:
        if state.active:
            notes.append("the policy asks another question: evidence begins anew")
        if state.basis.split()[1] != policy.loss:
            state = state.changed(floor=FloorWatch(), value=None)
        fresh = {"since": now, "ni": False, "sup": False, "pairs": Pairs(), "contest": None, "panes": 0}
        state = state.changed(
            basis=policy.basis,
            challengers=tuple(
                known.model_copy(update=fresh) if known.active else known for known in state.challengers
            ),
        )
    return state, notes


def _enthrone(state: State, heir: str, now: datetime, notes: list[str]) -> State:
    if state.champion is not None:
        notes.append(f"version {state.champion} no longer answers: version {heir} is champion, by hand")
    others = tuple(
        known.restarted(now) if known.active else known
        for known in state.challengers
        if known.version != heir
    )
    return state.changed(champion=heir, challengers=others, floor=FloorWatch(), value=None, srm=())


def _follow(
    state: State,
    known: Challenger,
    share: float | None,
    shadow: bool,
    now: datetime,
    policy: Policy,
    notes: list[str],
) -> State:
    """A challenger whose place in the plan is now ``share`` (None: it does not answer) or a shadow's."""
    if share is not None and abs(share - known.share) <= SAME:
        return state
    if share is not None:
        notes.append(f"version {known.version} was given {share:.2%} by hand")
        if not known.active:
            known = known.restarted(now).model_copy(update={"trial": known.trial + 1})
        begins = known.phase == "shadow" and policy.evidence == "exposed"
        place = {
            "phase": "climb",
            "placed": True,
            "share": share,
            "rung_since": now,
            "rung_keys": 0,
            "cooldown": 2 * policy.cooldown,
            "since": now if begins else known.since,
        }
        return state.put(known.model_copy(update=place))
    if known.phase == "inconclusive":
        return state.put(known.model_copy(update={"share": 0.0}))
    if not known.active:
        return state
    if shadow:
        if known.phase == "climb":
            notes.append(f"version {known.version} was made a shadow again by hand")
            return state.put(known.restarted(now))
        return state if known.placed else state.put(known.model_copy(update={"placed": True}))
    if not known.placed:
        return state
    notes.append(f"version {known.version} was taken out by hand and is no challenger any more")
    return state.changed(
        challengers=tuple(each for each in state.challengers if each.version != known.version)
    )
