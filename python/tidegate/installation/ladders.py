"""Steering: mature panes of outcomes, one after the other, become decisions and traffic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import polars as pl
import structlog

from tidegate.errors import TidegateError
from tidegate.installation.acting import CONTROL, Act, advice
from tidegate.installation.opened import OpenHome
from tidegate.installation.standing import (
    event_now,
    lives,
    moment,
    named,
    policy_of,
    shares,
    state_of,
    weights_of,
)
from tidegate.monitoring import logs
from tidegate.rollout import panes
from tidegate.rollout.adoption import adopt
from tidegate.rollout.floor import LN_ALARM
from tidegate.rollout.ladder import Step, step
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import Facts, Lives, Pane, State, begin_of, pane_of
from tidegate.store.canonical import timestamp
from tidegate.types import Decision, EndpointInfo, PolicyInfo

log = structlog.get_logger()


def steer(opened: OpenHome, *, endpoint: str, until: str | None) -> dict[str, Any]:
    """Judges all panes that are mature; see :meth:`tidegate.Installation.steer`."""
    with opened.rolling:
        found = opened.registry.endpoints.get(endpoint)
        info, policy = policy_of(opened, found)
        if policy.mode == "off":
            return {"panes": 0, "decisions": []}
        look = _Look(opened, found, info, policy)
        made = [named(decision, found) for decision in look.decide(None if until is None else moment(until))]
        return {"panes": len(made), "decisions": made}


def steer_all(opened: OpenHome) -> None:
    """Steers every endpoint whose policy is not off; what fails is logged and does not stop the others."""
    for endpoint in opened.registry.endpoints.all():
        info = opened.registry.policies.newest(endpoint.id)
        if info is None or info.body.get("mode") == "off":
            continue
        try:
            if opened.registry.deployments.plan(endpoint.name) is not None:
                steer(opened, endpoint=endpoint.name, until=None)
        except Exception:
            log.exception("steering failed", endpoint=endpoint.name)


class _Look:
    """One look at an endpoint's outcomes."""

    def __init__(self, opened: OpenHome, endpoint: EndpointInfo, info: PolicyInfo, policy: Policy) -> None:
        self._opened, self._endpoint, self._info, self._policy = opened, endpoint, info, policy
        self._weights = cache(self._weights_in)

    def decide(self, until: datetime | None) -> Iterator[Decision]:
        """A decision per mature pane, made before the next is asked for."""
        opened, name, policy = self._opened, self._endpoint.name, self._policy
        state = state_of(opened.registry.decisions.newest(self._endpoint.id), self._info, policy)
        lives(opened, self._endpoint)  # refuses before anything is read
        begin = state.done_until
        now = event_now(opened, name, begin) if until is None else until
        end = begin_of(pane_of(now - policy.maturity, policy.pane), policy.pane)
        if begin is not None and end <= begin:
            return
        rows = self._rows(begin, end)
        if not rows.height:
            return
        earlier = panes.seen_keys(self._earlier(state, begin))
        for pane, part in (series := panes.Panes(rows, earlier, policy, now, begin)):
            yield self._judge(series, pane, part)

    def _rows(self, begin: datetime | None, end: datetime) -> pl.DataFrame:
        root, name = self._opened.home.root, self._endpoint.name
        wanted = [*(column for column in panes.COLUMNS if column != "label"), "route"]
        scored = logs.predictions(root, name, begin, end).select(wanted).collect()
        first, last = scored["prediction_id"].min(), scored["prediction_id"].max()
        labels = logs.labels(root, name, (str(first), str(last)))
        return panes.prepared(
            logs.labelled(scored.lazy(), labels), self._policy.loss, self._endpoint.contract.threshold
        )

    def _earlier(self, state: State, begin: datetime | None) -> pl.LazyFrame:
        """The rows of running experiments in panes that were judged before."""
        starts = [known.since for known in state.active]
        starts += [state.srm_since] if state.srm_since is not None else []
        first = min(starts, default=None)
        if first is None or begin is None or first >= begin:
            return pl.LazyFrame(schema=logs.PREDICTIONS)
        return logs.predictions(self._opened.home.root, self._endpoint.name, first, begin)

    def _weights_in(self, generation: int) -> dict[str, float]:
        return weights_of(self._opened.registry.deployments.plan(self._endpoint.name, generation))

    def _judge(self, series: panes.Panes, pane: Pane, rows: pl.DataFrame) -> Decision:
        opened, policy, info = self._opened, self._policy, self._info
        before = state_of(opened.registry.decisions.newest(self._endpoint.id), info, policy)
        plan = lives(opened, self._endpoint)
        state, notes = adopt(before, plan.facts(), pane.now, policy, info.id)
        state = state.changed(done_until=pane.end)
        facts = series.facts(pane, rows, state, plan, self._weights)
        act = Act(opened, self._endpoint, timestamp(pane.now), CONTROL)
        body = _body(facts, notes, plan, info)
        if facts.empty:
            stays = {"state": state.to_json(), "after": body["before"], "floor": None, "evidence": {}}
            return act.keep("no_data", "hold", _quiet(pane), body | stays)
        made = step(state, facts, policy)
        body |= judged(made, policy)
        says = "; ".join([*notes, *(event.says for event in made.events)])
        if made.plan is None:
            kept = {"state": made.moved.to_json(), "after": body["before"]}
            return act.keep(made.rule, _action(made, before), says, body | kept)
        if policy.mode == "advise":
            kept = {"state": made.observed.to_json(), "after": body["before"]}
            says = f"{says}. To do it: {advice(self._endpoint.name, made.plan)}"
            return act.keep("advise", made.move, says, body | kept)
        try:
            return act.move(made.rule, says, body, made.plan, (placed(made.moved), made.observed))
        except TidegateError as error:
            log.warning("traffic could not be moved", endpoint=self._endpoint.name, error=str(error))
            last = opened.registry.decisions.newest(self._endpoint.id)
            assert last is not None  # noqa: S101 -- the failure was kept
            return last


def placed(state: State) -> State:
    """The state when the plan has every challenger."""
    return state.changed(
        challengers=tuple(known.model_copy(update={"placed": True}) for known in state.challengers)
    )


def _body(facts: Facts, notes: list[str], plan: Lives, info: PolicyInfo) -> dict[str, Any]:
    return {**facts.to_json(), "notes": notes, "before": shares(plan), "policy": info.id}


def judged(made: Step, policy: Policy) -> dict[str, Any]:
    """What a step concluded, as a decision keeps it."""
    mark = made.mark
    return {
        "floor": None
        if mark is None or policy.floor is None
        else {
            "ln_m": mark.ln_m,
            "ln_alarm": LN_ALARM,
            "window": mark.window,
            "threshold": policy.floor.threshold,
            "loss": mark.loss,
            "broken": made.observed.floor.broken,
        },
        "evidence": {
            known.version: dict(zip(("ln_ni", "ln_sup", "ln_harm"), known.evidence(policy), strict=True))
            | {"keys": known.pairs.keys, "rung_keys": known.rung_keys}
            for known in made.observed.challengers
        },
        "ln_srm": made.observed.ln_srm,
        "events": [event.to_json() for event in made.events],
    }


def _action(made: Step, before: State) -> str:
    """What a decision did that moved no traffic."""
    if made.rule == "freeze_srm":
        return "hold" if before.frozen else "freeze"
    if made.rule in {"shadow", "cooldown", "hold"}:
        return "hold"
    return {"floor_break": "arm"}.get(made.rule, made.rule)


def _quiet(pane: Pane) -> str:
    stretch = "pane" if pane.panes == 1 else f"{pane.panes} panes"
    return f"nothing was answered in the {stretch} from {pane.begin:%Y-%m-%d %H:%M}; nothing moves"
