"""Policies, challengers and undoing: what people decide about traffic, each kept as a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.errors import ConflictError, NotFoundError, PreconditionError
from tidegate.installation import traffic
from tidegate.installation.acting import CONTROL, REASON, Act, advice, share_words
from tidegate.installation.opened import OpenHome
from tidegate.installation.standing import (
    event_now,
    live_plan,
    lives,
    named,
    newest_event,
    policy_of,
    shares,
    state_of,
    weights_of,
)
from tidegate.rollout.adoption import adopt
from tidegate.rollout.ladder import wanted
from tidegate.rollout.policy import Policy
from tidegate.rollout.state import EPOCH, Challenger, State, begin_of, pane_of
from tidegate.store.canonical import timestamp
from tidegate.types import EndpointInfo


def set_policy(
    opened: OpenHome, *, endpoint: str, policy: Mapping[str, Any], reason: str, actor: str
) -> dict[str, Any]:
    """Keeps a policy; see :meth:`tidegate.Installation.set_policy`."""
    read = Policy.read(policy)
    with opened.rolling, opened.registry.transaction():
        found = opened.registry.endpoints.get(endpoint)
        earlier = opened.registry.policies.newest(found.id)
        info = opened.registry.policies.set(found.id, read.to_json(), principal=actor, reason=reason)
        last = opened.registry.decisions.newest(found.id)
        state = state_of(last, info, read)
        steered = earlier is not None and earlier.body["mode"] != "off" and state.done_until is not None
        latest = None if steered else newest_event(opened, endpoint)
        if latest is not None:  # what was served while nobody steered is not judged
            state = state.changed(done_until=begin_of(pane_of(latest, read.pane), read.pane))
        now = state.done_until or opened.clock() if latest is None else min(latest, opened.clock())
        plan = live_plan(opened, found)
        before = weights_of(plan)
        opened.registry.decisions.add(
            found.id,
            at=timestamp(now),
            rule="policy",
            action="set_policy",
            says=f"policy {info.id} holds, mode {read.mode}, {read.evidence} evidence"
            + (f": {reason}" if reason else ""),
            body={"policy": info.id, "state": state.to_json(), "before": before, "after": before},
            principal=actor,
        )
    return named(info, found)


def get_policy(opened: OpenHome, endpoint: str) -> dict[str, Any]:
    """The policy that holds, every member filled in."""
    found = opened.registry.endpoints.get(endpoint)
    info, policy = policy_of(opened, found)
    return named(info.model_copy(update={"body": policy.to_json()}), found)


def challenge(
    opened: OpenHome, *, endpoint: str, version: str, reason: str, retraining: int | None, actor: str
) -> dict[str, Any]:
    """Makes a version a challenger; see :meth:`tidegate.Installation.challenge`."""
    with opened.rolling:
        found = opened.registry.endpoints.get(endpoint)
        info, policy = policy_of(opened, found)
        if policy.mode == "off":
            raise PreconditionError(
                f"the policy of endpoint {endpoint!r} is off: "
                f"tidegate rollout set-policy {endpoint} --mode auto"
            )
        opened.registry.versions.get(found.model, version)
        _check_retraining(opened, retraining)
        latest, plan = newest_event(opened, endpoint), lives(opened, found)
        at = opened.clock() if latest is None else min(latest, opened.clock())
        now = EPOCH if latest is None else at  # every row that is to come is evidence
        known = state_of(opened.registry.decisions.newest(found.id), info, policy)
        state, notes = adopt(known, plan.facts(), now, policy, info.id)
        state = _with_challenger(known, state, version, retraining, placed=version in shares(plan))
        body: dict[str, Any] = {
            "policy": info.id,
            "challenger": version,
            "retraining": retraining,
            "notes": notes,
            "before": shares(plan),
        }
        asked = wanted(known, state, plan.facts(), policy, mirror=plan.mirror)
        causes = (f"retraining:{retraining}",) if retraining is not None else ()
        says = f"version {version} challenges version {state.champion}" + (f": {reason}" if reason else "")
        act = Act(opened, found, timestamp(at), actor, causes)
        if asked is None or policy.mode == "advise":
            command = "" if asked is None else f"; {advice(found.name, asked)}"
            body |= {"state": state.to_json(), "after": shares(plan)}
            action = "admit" if asked is None else "advise"
            return named(act.keep("admit", action, says + command, body), found)
        placed = state.changed(
            challengers=tuple(each.model_copy(update={"placed": True}) for each in state.challengers)
        )
        return named(act.move("admit", says, body, asked, (placed, known)), found)


def _check_retraining(opened: OpenHome, retraining: int | None) -> None:
    if retraining is None:
        return
    if opened.database.one("SELECT 1 FROM retrainings WHERE id = ?", [retraining]) is None:
        raise NotFoundError(f"there is no retraining {retraining}")


def _with_challenger(
    before: State, state: State, version: str, retraining: int | None, *, placed: bool
) -> State:
    if version == state.champion:
        raise PreconditionError(f"version {version} is the champion; a challenger is another version")
    known = state.find(version)
    if known is not None and known.active and before.find(version) is not None:
        raise ConflictError(f"version {version} is a challenger already, at {known.share:.2%}")
    if state.draining is not None and state.draining.version == version:
        state = state.changed(draining=None)
    if known is not None and known.active:  # it answers by hand since the last pane
        return state.put(known.model_copy(update={"retraining": retraining}))
    return state.put(
        Challenger(
            version=version,
            phase="shadow",
            since=state.done_until or EPOCH,
            placed=placed,
            trial=1 if known is None else known.trial + 1,
            retraining=retraining,
        )
    )


def undo(opened: OpenHome, *, endpoint: str, reason: str, actor: str) -> dict[str, Any]:
    """Goes back one plan; see :meth:`tidegate.Installation.undo_traffic`."""
    with opened.rolling:
        found = opened.registry.endpoints.get(endpoint)
        plan = lives(opened, found)
        target = _undone(opened, found)
        last = opened.registry.decisions.newest(found.id)
        at = opened.clock() if last is None else max(last.at, event_now(opened, endpoint, last.at))
        older = opened.registry.deployments.plan(endpoint, target)
        assert older is not None  # noqa: S101 -- it is in the history
        after = {variant.version: variant.weight for variant in older.variants}
        body: dict[str, Any] = {
            "restored": target,
            "state": None if last is None else last.body.get("state"),
            "policy": None if last is None else last.body.get("policy"),
            "before": shares(plan),
            "after": after,
        }
        says = f"back to the plan of generation {target}: {share_words(after)}"
        says += f" ({reason})" if reason else ""
        act = Act(opened, found, timestamp(at), actor)

        def run(record: traffic.Record) -> None:
            traffic.restore(
                opened,
                endpoint=endpoint,
                generation=target,
                reason=f"undo: {says}"[:REASON],
                actor=actor,
                record=record,
            )

        act.carry_out(run, "undo", says, body, stays=body["state"])
        return traffic.get_traffic(opened, endpoint)


def _undone(opened: OpenHome, endpoint: EndpointInfo) -> int:
    """The generation of the plan before the newest that was neither undone, nor taken back."""
    made = opened.registry.decisions.made(endpoint.id)
    stack: list[tuple[int, Any]] = []
    for plan in opened.registry.deployments.history(endpoint.name):
        made_of = (plan.variants, plan.rules)
        same = len(stack) > 1 and made_of == stack[-2][1]
        rule = made.get(plan.generation)
        taken_back = rule == "taken_back" or (rule is None and plan.created_by == CONTROL)
        if same and (rule == "undo" or taken_back):
            stack.pop()
        elif not stack or made_of != stack[-1][1]:
            stack.append((plan.generation, made_of))
    if len(stack) < 2:
        raise PreconditionError(f"endpoint {endpoint.name!r} has no earlier plan to go back to")
    return stack[-2][0]
