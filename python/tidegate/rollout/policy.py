"""An endpoint's policy: its floor, its ladder, and how much evidence each step needs."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from tidegate.errors import InvalidInputError
from tidegate.types import Value

Loss = Literal["brier", "absolute", "error"]
Share = Annotated[float, Field(gt=0, le=1)]
Rung = Annotated[float, Field(gt=0, lt=100)]


class Floor(Value):
    """The performance under which a version loses traffic."""

    loss: Loss = "brier"
    """Per row, in [0, 1]: ``brier`` (score - label)^2, ``absolute`` |score - label|, ``error`` 1 when the
    score lies on the wrong side of the endpoint's threshold."""
    threshold: float = Field(gt=0, lt=1)
    """The mean loss that is still allowed."""


class Guards(Value):
    """Hard limits that need no evidence."""

    error_rate: float = Field(default=0.05, ge=0, le=1)
    """The share of a challenger's rows that may be left without a score."""


class Policy(Value):
    """How an endpoint's traffic is steered (``STATISTICS`` 11.3); the defaults are the published ones.

    ``evidence`` says what a challenger is judged by. ``exposed``: outcomes of the keys that each version
    answered. ``paired``: both versions' scores on the same rows, which needs far fewer keys; choosing it
    declares that an answer does not change its own outcome.
    """

    mode: Literal["off", "advise", "auto"] = "advise"
    evidence: Literal["exposed", "paired"] = "exposed"
    floor: Floor | None = None
    ladder: tuple[Rung, ...] = Field(default=(1, 5, 10, 25, 50, 75, 99), min_length=1)
    """Shares in percent, going up."""
    explore_cap: Share = 0.10
    """What all challengers together get before they are shown to be no worse by ``eps``."""
    ni_cap: Share = 0.50
    """What a challenger gets before it is shown to be better by ``g``."""
    eps: float = Field(default=0.01, ge=0, lt=0.5)
    """How much worse a challenger's mean loss may be."""
    g: float = Field(default=0.0, ge=0, lt=0.5)
    """By how much its mean loss must be better for it to be crowned."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """The chance of each wrong verdict, however often one looks."""
    cooldown: int = Field(default=2, ge=0)
    """Panes between two moves."""
    n_min: int = Field(default=50, ge=1)
    """Labelled keys that a challenger answers on a rung before it goes on."""
    min_share: Share = 0.01
    t_max: int = Field(default=500, ge=1)
    """Panes after which a challenger at ``explore_cap`` or below is given up."""
    shadow_keys: int = Field(default=200, ge=0)
    """Labelled keys that a challenger scores as a shadow before it answers any."""
    drain_panes: int = Field(default=2, ge=1)
    """Panes for which a replaced champion is kept as a shadow."""
    pane_hours: float = Field(default=24.0, gt=0, le=24 * 366)
    maturity_hours: float = Field(default=24.0, ge=0, le=24 * 366)
    """How long after a pane's end its labels are waited for."""
    guards: Guards = Guards()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if any(b <= a for a, b in zip(self.ladder, self.ladder[1:], strict=False)):
            raise ValueError(f"ladder goes up; got {list(self.ladder)}")
        if self.ladder[0] / 100 > self.explore_cap:
            raise ValueError(
                f"the first rung ({self.ladder[0]} %) lies above explore_cap ({self.explore_cap:.0%}): "
                "no challenger could ever climb"
            )
        if self.ni_cap < self.explore_cap:
            raise ValueError(f"ni_cap ({self.ni_cap}) is smaller than explore_cap ({self.explore_cap})")
        return self

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Policy:
        """The policy that a body describes; :class:`InvalidInputError` names what is unknown or unusable."""
        try:
            return cls.model_validate(dict(body))
        except ValidationError as error:
            raise InvalidInputError(f"not a policy: {'; '.join(map(_told, error.errors()))}") from None

    @property
    def loss(self) -> Loss:
        """The loss that floor and ladder go by."""
        return "brier" if self.floor is None else self.floor.loss

    @property
    def rungs(self) -> tuple[float, ...]:
        """The ladder as shares of 1."""
        return tuple(rung / 100 for rung in self.ladder)

    @property
    def pane(self) -> timedelta:
        """The length of a pane."""
        return timedelta(hours=self.pane_hours)

    @property
    def maturity(self) -> timedelta:
        """How long a pane's labels are waited for."""
        return timedelta(hours=self.maturity_hours)

    @property
    def basis(self) -> str:
        """What the evidence is about; evidence of another basis says nothing under this policy."""
        return f"{self.evidence} {self.loss} eps={self.eps!r} g={self.g!r}"

    def level(self, challengers: int, trial: int) -> float:
        """ln(1/alpha) for one of ``challengers`` at once, at its ``trial``-th try.

        A version's first try has the whole alpha; the later ones have alpha / (j (j + 1)) each, together at
        most half of it.
        """
        alpha = self.alpha / max(challengers, 1)
        return -math.log(alpha if trial <= 1 else alpha / (trial * (trial + 1)))


def _told(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = Floor if place.startswith("floor.") else Guards if place.startswith("guards.") else Policy
        names = list(known.model_fields)
        near = difflib.get_close_matches(place.rpartition(".")[2], names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        return f"{place}: there is no such member; {hint}"
    said = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place}: {said}; got {fault['input']!r}" if place else said
