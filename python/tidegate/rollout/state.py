"""What the ladder knows between two panes, and what a pane tells it: all of it is kept with each decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from tidegate.rollout.evidence import LN_LIMIT, Stratified, srm_ln_e
from tidegate.rollout.floor import FloorWatch
from tidegate.rollout.paired import Pairs
from tidegate.rollout.policy import Policy
from tidegate.types import Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Phase = Literal["shadow", "climb", "closed", "inconclusive"]


class Exposed(Value):
    """The outcomes of the keys that champion (a) and challenger (b) answered in a pane: 1 - loss, summed."""

    n_a: int = 0
    x_a: float = 0.0
    n_b: int = 0
    x_b: float = 0.0


class PairFacts(Value):
    """What a pane says of a challenger against the champion."""

    paired: Pairs = Pairs()
    exposed: Exposed = Exposed()
    rung_keys: int = 0
    """Labelled keys that the challenger answered since it stands on its rung."""


class VersionFacts(Value):
    """What a pane says of one version; ``share`` and ``shadow`` are the plan when the pane was judged."""

    role: str = ""
    share: float | None = None
    """Its weight; None when it does not answer."""
    shadow: bool = False
    may_answer: bool = True
    """Whether its stage lets it answer."""
    rows: int = 0
    """Rows that it scored, answering or not."""
    unscored: int = 0
    answered: int = 0
    labelled: int = 0
    unlabelled: int = 0
    """Of the rows that it answered, those with and without a usable label."""
    keys: int = 0
    loss_sum: float = 0.0
    loss: float | None = None
    """Labelled keys that it answered, and the sum and mean of their losses (each the mean of its rows)."""


class Assignment(Value):
    """How the new keys of a pane were divided while one plan held."""

    generation: int
    weights: dict[str, float]
    counts: dict[str, int]


class Pane(Value):
    """A stretch of event time, and the event time up to which was looked when it was judged."""

    index: int
    begin: datetime
    end: datetime
    now: datetime
    panes: int = 1
    """How many panes this stands for: a long gap is one."""


class Facts(Value):
    """All that a decision about one pane rests on, beside the state before it."""

    pane: Pane
    versions: dict[str, VersionFacts]
    pairs: dict[str, PairFacts] = Field(default_factory=dict)
    assignments: list[Assignment] = Field(default_factory=list)
    mirror: bool = False
    """Whether the plan lets versions score what others answer."""

    @property
    def empty(self) -> bool:
        """Whether nothing was answered."""
        return not any(version.answered for version in self.versions.values())


@dataclass(frozen=True)
class Lives:
    """Which versions the plan has now: weights of those that answer, shadows, and who may answer."""

    weights: dict[str, float]
    shadows: tuple[str, ...]
    mirror: bool
    barred: frozenset[str] = frozenset()
    """Versions whose stage does not let them answer."""

    def facts(self) -> dict[str, VersionFacts]:
        """What is known of each version before any row was looked at."""
        shares: dict[str, float | None] = {**self.weights, **dict.fromkeys(self.shadows)}
        return {
            number: VersionFacts(
                share=share, shadow=number in self.shadows, may_answer=number not in self.barred
            )
            for number, share in sorted(shares.items(), key=lambda item: int(item[0]))
        }


def pane_of(moment: datetime, length: timedelta) -> int:
    """The number of the pane that a moment lies in; panes begin at multiples of ``length`` since 1970 UTC."""
    return (moment - EPOCH) // length


def begin_of(index: int, length: timedelta) -> datetime:
    """When a pane begins."""
    return EPOCH + index * length


class Contest(Value):
    """The three e-processes of 11.3 on answered rows."""

    ni: Stratified
    sup: Stratified
    harm: Stratified

    @classmethod
    def start(cls, prior: float) -> Contest:
        """No evidence yet; ``prior`` is the expected 1 - loss."""
        fresh = Stratified.start(prior)
        return cls(ni=fresh, sup=fresh, harm=fresh)

    def add(self, pane: Exposed, policy: Policy) -> Contest:
        """One more pane."""
        a, b = (pane.n_a, pane.x_a), (pane.n_b, pane.x_b)
        return Contest(
            ni=self.ni.add(*b, *a, eps_a=policy.eps),
            sup=self.sup.add(*b, *a, eps_b=policy.g),
            harm=self.harm.add(*a, *b, eps_b=policy.eps),
        )


class Challenger(Value):
    """A version that wants the champion's place."""

    version: str
    phase: Phase
    since: datetime
    """Rows from this event time on are evidence."""
    placed: bool = True
    """Whether the plan has had it."""
    trial: int = 1
    share: float = 0.0
    rung_since: datetime | None = None
    rung_keys: int = 0
    cooldown: int = 0
    panes: int = 0
    rows: int = 0
    unscored: int = 0
    ni: bool = False
    sup: bool = False
    """Latched: what was shown once holds for this version against this champion."""
    pairs: Pairs = Pairs()
    contest: Contest | None = None
    retraining: int | None = None

    @property
    def active(self) -> bool:
        """Whether it is still judged."""
        return self.phase in {"shadow", "climb"}

    def evidence(self, policy: Policy) -> tuple[float, float, float]:
        """Log evidence of NI, SUP and HARM by the policy's kind of evidence."""
        if policy.evidence == "paired":
            return self.pairs.ln_ni, self.pairs.ln_sup, self.pairs.ln_harm
        if self.contest is None:
            return 0.0, 0.0, 0.0
        return self.contest.ni.ln_e, self.contest.sup.ln_e, self.contest.harm.ln_e

    def restarted(self, since: datetime) -> Challenger:
        """The same version with no evidence, as a shadow: against another champion or by another policy."""
        return Challenger(
            version=self.version, phase="shadow", since=since, trial=self.trial, retraining=self.retraining
        )


class Draining(Value):
    """A replaced champion on its way out."""

    version: str
    since: datetime
    panes_left: int


class State(Value):
    """The ladder's memory."""

    policy: int
    """The policy that it last went by."""
    basis: str
    done_until: datetime | None = None
    """Panes before this event time have been judged; None: begin with the first row."""
    champion: str | None = None
    challengers: tuple[Challenger, ...] = ()
    draining: Draining | None = None
    floor: FloorWatch = FloorWatch()
    value: float | None = None
    """The champion's last mean of 1 - loss: what new evidence expects."""
    srm_since: datetime | None = None
    srm: tuple[Assignment, ...] = ()
    frozen: bool = False

    def changed(self, **fields: Any) -> State:
        """The state with other fields."""
        return self.model_copy(update=fields)

    def find(self, version: str) -> Challenger | None:
        """The challenger of that number, whatever its phase."""
        return next((found for found in self.challengers if found.version == version), None)

    def put(self, challenger: Challenger) -> State:
        """The state with this challenger in its place, or last when it is new."""
        if self.find(challenger.version) is None:
            return self.changed(challengers=(*self.challengers, challenger))
        return self.changed(
            challengers=tuple(
                challenger if known.version == challenger.version else known for known in self.challengers
            )
        )

    @property
    def active(self) -> tuple[Challenger, ...]:
        """The challengers that are judged."""
        return tuple(known for known in self.challengers if known.active)

    @property
    def climbing(self) -> tuple[Challenger, ...]:
        """Those of them that answer."""
        return tuple(known for known in self.challengers if known.phase == "climb")

    @property
    def ln_srm(self) -> float:
        """Evidence that keys were not divided as planned since the first challenger answered."""
        return min(LN_LIMIT, sum(srm_ln_e(epoch.counts, epoch.weights) for epoch in self.srm))

    def counted(self, assignments: list[Assignment]) -> State:
        """The state with more keys counted by the plan that divided them."""
        epochs = {epoch.generation: epoch for epoch in self.srm}
        for more in assignments:
            known = epochs.get(more.generation)
            counts = dict(known.counts) if known else {}
            for version, count in more.counts.items():
                counts[version] = counts.get(version, 0) + count
            epochs[more.generation] = more.model_copy(update={"counts": counts})
        return self.changed(srm=tuple(epochs[generation] for generation in sorted(epochs)))
