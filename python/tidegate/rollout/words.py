"""The ladder's decisions in words, with the figures that they rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.rollout.floor import LN_ALARM, Mark
from tidegate.rollout.policy import Floor, Policy
from tidegate.rollout.state import Challenger, Facts


def odds(ln_e: float) -> str:
    """Evidence as odds: ``20 to 1``."""
    if abs(ln_e) > 20:
        return f"e^{ln_e:.0f} to 1"
    value = math.exp(ln_e)
    return f"{value:.0f} to 1" if value >= 10 else f"{value:.2g} to 1"


def broke(champion: str, mark: Mark, floor: Floor) -> str:
    """The floor broke."""
    return (
        f"the floor broke: version {champion} had a mean {floor.loss} loss of {mark.loss:.4f} over the last "
        f"{_panes(mark.window)}, above {floor.threshold:g} (evidence {odds(mark.ln_m)}, a break from "
        f"{odds(LN_ALARM)})"
    )


def admitted(version: str) -> str:
    """A shadow became a challenger."""
    return f"version {version} is a challenger now: it shadows and may answer"


def placed(shadows: Sequence[str], mirror: bool) -> str:
    """The plan was made to fit."""
    who = f"shadows: {', '.join(shadows) or 'none'}"
    return f"{who}; versions that answer {'also score' if mirror else 'do not score'} what others answer"


def frozen(ln_srm: float) -> str:
    """The shares of keys are not as planned."""
    return (
        f"keys are not divided as planned (evidence {odds(ln_srm)}): the log may lack rows. Nothing moves "
        "until somebody sets the policy again: tidegate rollout set-policy"
    )


def alone(champion: str | None, facts: Facts, policy: Policy, *, broken: bool) -> str:
    """Nothing was due."""
    found = facts.versions[str(champion)]
    if not found.keys:
        return f"version {champion} answers; no label came in time for {found.answered} rows"
    floor = "no floor is set" if policy.floor is None else f"the floor is {policy.floor.threshold:g}"
    told = (
        f"version {champion} answers; its mean {policy.loss} loss was {found.loss:.4f} on "
        f"{found.keys} keys, {floor}"
    )
    return f"{told} and is broken; no challenger yet" if broken else f"{told}; no challenger"


def unscored(known: Challenger, limit: float) -> str:
    """A hard limit was passed."""
    return (
        f"version {known.version} gave no score for {known.unscored} of {known.rows} rows, more than "
        f"{limit:.0%}: it is taken out"
    )


def harmful(known: Challenger, policy: Policy, level: float) -> str:
    """It is worse."""
    return (
        f"version {known.version} is taken out: {worse(known, policy)}, {odds(level)} were needed. "
        f"`tidegate rollout challenge` tries it again"
    )


def worse(known: Challenger, policy: Policy) -> str:
    """The evidence of harm."""
    return f"evidence {odds(known.evidence(policy)[2])} that it is worse by more than {policy.eps:g}"


def inconclusive(known: Challenger) -> str:
    """Nothing was shown in all that time."""
    return f"version {known.version} showed neither gain nor harm in {_panes(known.panes)}: the try ends"


def drained(version: str) -> str:
    """It is gone."""
    return f"version {version} has left the plan and may be retired"


def shadowing(known: Challenger, policy: Policy) -> str:
    """It has to be scored as a shadow first."""
    if known.pairs.keys < policy.shadow_keys:
        return (
            f"version {known.version} shadows: {known.pairs.keys} of the {policy.shadow_keys} labelled keys "
            "that it must have been scored on before it answers"
        )
    return (
        f"version {known.version} shadows: evidence {odds(known.pairs.ln_harm)} that it is worse by more "
        f"than {policy.eps:g} must fall below 3 to 1 before it answers"
    )


def barred(version: str) -> str:
    """Its stage does not let it answer."""
    return f"version {version} is ready to answer and its stage does not let it: promote it first"


def cooling(known: Challenger) -> str:
    """The last move is too fresh."""
    return (
        f"version {known.version} stays at {known.share:.2%} for {_panes(known.cooldown)} more after its "
        "last move"
    )


def few_keys(known: Challenger, needed: int) -> str:
    """It has not answered enough on this rung."""
    return (
        f"version {known.version} answered {known.rung_keys} of the {needed} labelled keys that it needs "
        f"at {known.share:.2%}"
    )


def doubtful(known: Challenger, policy: Policy) -> str:
    """It may be worse."""
    return f"version {known.version} stays at {known.share:.2%}: {worse(known, policy)}; 3 to 1 is too much"


def capped(known: Challenger, policy: Policy, target: float, level: float) -> str:
    """The next rung needs more evidence."""
    ln_ni, ln_sup, _ = known.evidence(policy)
    wanted = (
        f"not worse by {policy.eps:g}, now {odds(ln_ni)}"
        if not known.ni and target <= policy.ni_cap
        else f"better by more than {policy.g:g}, now {odds(ln_sup)}"
    )
    return (
        f"version {known.version} stays at {known.share:.2%}: {target:.0%} needs evidence of {odds(level)} "
        f"that it is {wanted}"
    )


def crowded(version: str, target: float) -> str:
    """Others are on their way."""
    return f"version {version} waits: another challenger has the room that {target:.2%} would need"


def shown(known: Challenger, policy: Policy) -> str:
    """What lets it go up."""
    ln_ni, ln_sup, ln_harm = known.evidence(policy)
    if known.phase == "shadow":
        return f"scored on {known.pairs.keys} keys as a shadow{_gain(known)}"
    if known.sup:
        return f"better by more than {policy.g:g} (evidence {odds(ln_sup)}){_gain(known)}"
    if known.ni:
        return f"not worse by {policy.eps:g} (evidence {odds(ln_ni)}){_gain(known)}"
    return f"no sign of harm (evidence {odds(ln_harm)}) on {known.rung_keys} keys"


def stepped(known: Challenger, share: float, because: str) -> str:
    """A step up or down."""
    before = f"{known.share:.2%}" if known.share else "shadow"
    return f"version {known.version} goes from {before} to {share:.2%}: {because}"


def crowned(known: Challenger, old: str, policy: Policy) -> str:
    """It takes the champion's place."""
    return (
        f"version {known.version} answers all: better than version {old} (evidence "
        f"{odds(known.evidence(policy)[1])}){_gain(known)}. Version {old} shadows for "
        f"{_panes(policy.drain_panes)} and then leaves"
    )


def _gain(known: Challenger) -> str:
    if not known.pairs.keys:
        return ""
    return f", mean gain {known.pairs.sum_d / known.pairs.keys:+.4f} on {known.pairs.keys} common keys"


def _panes(count: int) -> str:
    return f"{count} pane{'' if count == 1 else 's'}"
