"""Endpoints and their traffic: a plan is recorded, published, and taken back when it can't be served."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from tidegate import rollout
from tidegate.errors import InvalidInputError, NotFoundError, PreconditionError, TidegateError
from tidegate.installation.intake import validated
from tidegate.installation.opened import OpenHome
from tidegate.installation.probing import require_loadable
from tidegate.installation.quarantine import listed, require_free
from tidegate.serving import DeploymentFiles
from tidegate.store.canonical import timestamp
from tidegate.types import ContextSpec, Contract, EndpointInfo, PlanDraft, TrafficRule, VersionInfo

log = structlog.get_logger()

Record = Callable[[int], None]
"""Writes what is to be kept together with the deployment of that generation."""


def roll_forward(opened: OpenHome) -> None:
    """Writes the newest deployment's file if a crash came between the registry and it."""
    document = opened.registry.deployments.document()
    if document is not None and not (opened.home.deployments / f"{document['generation']}.json").is_file():
        DeploymentFiles(opened.home.deployments).publish(document)


def create_endpoint(
    opened: OpenHome,
    *,
    name: str,
    model: str,
    version: str | None,
    contract: Mapping[str, Any] | None,
    context: list[dict[str, Any]] | None,
    actor: str,
) -> dict[str, Any]:
    """Opens an endpoint; see :meth:`tidegate.Installation.create_endpoint`."""
    source = contract or opened.registry.versions.get(model, version).manifest["contract"]
    promised = validated(Contract, source)
    if context is not None:
        columns = [validated(ContextSpec, column) for column in context]
        promised = promised.model_copy(update={"context": [*promised.context, *columns]})
    _check_contract(promised)
    return opened.registry.endpoints.create(name, model, promised, principal=actor).to_json()


def set_traffic(
    opened: OpenHome,
    *,
    endpoint: str,
    weights: Mapping[str, float],
    shadows: list[str],
    reason: str,
    mirror: bool,
    actor: str,
    record: Record | None = None,
) -> dict[str, Any]:
    """Records and publishes a plan; see :meth:`tidegate.Installation.set_traffic`."""
    with opened.rolling:
        found = opened.registry.endpoints.get(endpoint)
        rollout.check_weights(weights, shadows)
        earlier = _live_draft(opened, found)
        rules = earlier.rules if earlier is not None else []
        weights = _with_rules(weights, shadows, rules)
        versions = {
            number: opened.registry.versions.get(found.model, number) for number in [*weights, *shadows]
        }
        opened.promoter.require_servable(versions, weights, shadows)
        plan = rollout.draft(found, versions, weights, shadows, before=earlier, mirror=mirror, rules=rules)
        return _bring(opened, found, plan, versions, reason=reason, actor=actor, record=record)


def set_rules(
    opened: OpenHome, *, endpoint: str, rules: list[dict[str, Any]], reason: str, actor: str
) -> dict[str, Any]:
    """Gives the live plan other rules; see :meth:`tidegate.Installation.set_rules`."""
    wanted = [validated(TrafficRule, rule) for rule in rules]
    with opened.rolling:
        found = opened.registry.endpoints.get(endpoint)
        for rule in wanted:
            _check_rule(rule, found.contract)
        before = _live_draft(opened, found)
        if before is None:
            raise PreconditionError(f"endpoint {endpoint!r} has no traffic plan yet")
        shadows = [variant.version for variant in before.variants if variant.shadow]
        held = {variant.version: variant.weight for variant in before.variants if not variant.shadow}
        unused = {rule.version for rule in before.rules} - {rule.version for rule in wanted}
        held = {number: share for number, share in held.items() if share or number not in unused}
        weights = _with_rules(held, shadows, wanted)
        versions = {
            number: opened.registry.versions.get(found.model, number) for number in [*weights, *shadows]
        }
        opened.promoter.require_servable(versions, weights, shadows)
        mirror = any(variant.mirror for variant in before.variants)
        plan = rollout.draft(found, versions, weights, shadows, before=before, mirror=mirror, rules=wanted)
        return _bring(opened, found, plan, versions, reason=reason, actor=actor, record=None)


def _with_rules(
    weights: Mapping[str, float], shadows: Sequence[str], rules: Sequence[TrafficRule]
) -> dict[str, float]:
    """The weights, with 0 for each version that only rules send requests to."""
    named = [rule.version for rule in rules]
    shadow = next((number for number in named if number in shadows), None)
    if shadow is not None:
        raise InvalidInputError(
            f"version {shadow} is to be a shadow, and a rule sends requests to it; remove the rule first"
        )
    return {**dict.fromkeys(named, 0.0), **weights}


def _check_rule(rule: TrafficRule, contract: Contract) -> None:
    """Refuses a rule over a column that is not there or has no exact text."""
    if rule.column is None:
        return
    types: dict[str, str] = {column: spec.datatype for spec in contract.inputs for column in spec.columns}
    types |= {spec.name: spec.datatype for spec in contract.context}
    kind = types.get(rule.column)
    if kind is None:
        raise InvalidInputError(f"there is no column {rule.column!r}; there are: {', '.join(sorted(types))}")
    if kind in {"BOOL", "FP16", "FP32", "FP64"}:
        raise InvalidInputError(f"column {rule.column!r} is {kind}; a rule needs an integer or BYTES")
    if kind != "BYTES" and not re.fullmatch(r"0|-?[1-9][0-9]*", rule.equals):
        raise InvalidInputError(f"column {rule.column!r} holds integers; {rule.equals!r} is none")


def restore(
    opened: OpenHome, *, endpoint: str, generation: int, reason: str, actor: str, record: Record | None = None
) -> dict[str, Any]:
    """Makes the plan of an earlier generation live again, slot for slot, if its versions may still serve."""
    with opened.rolling:
        found = opened.registry.endpoints.get(endpoint)
        plan = opened.registry.deployments.plan_draft(endpoint, generation)
        if plan is None:
            raise NotFoundError(f"endpoint {endpoint!r} had no traffic plan in generation {generation}")
        versions = {
            variant.version: opened.registry.versions.get(found.model, variant.version)
            for variant in plan.variants
        }
        shadows = [variant.version for variant in plan.variants if variant.shadow]
        weights = [number for number in versions if number not in shadows]
        opened.promoter.require_servable(versions, weights, shadows)
        return _bring(opened, found, plan, versions, reason=reason, actor=actor, record=record)


def _bring(
    opened: OpenHome,
    found: EndpointInfo,
    plan: PlanDraft,
    versions: Mapping[str, VersionInfo],
    *,
    reason: str,
    actor: str,
    record: Record | None,
) -> dict[str, Any]:
    """Commits a plan, and what ``record`` writes of its generation in the same transaction; publishes."""
    deployments = opened.registry.deployments
    require_free(opened, versions.values())
    require_loadable(opened, versions.values(), actor)
    before, earlier = deployments.document(), _live_draft(opened, found)
    document = rollout.deployment(
        before,
        found,
        plan,
        versions,
        created_at=timestamp(opened.clock()),
        default_endpoint=opened.settings.default_endpoint,
        log=opened.registry.log_policies.newest(found.id),
    )
    generation = document["generation"]

    def keep() -> None:
        if record is not None:
            record(generation)

    plans = [] if earlier is None else [earlier]
    commit(opened, document, [plan], keep, reason=reason, actor=actor, before=(before, plans))
    return get_traffic(opened, found.name)


def commit(
    opened: OpenHome,
    document: dict[str, Any],
    plans: list[PlanDraft],
    keep: Callable[[], None],
    *,
    reason: str,
    actor: str,
    before: tuple[Mapping[str, Any] | None, list[PlanDraft]] | None = None,
) -> None:
    """Commits a deployment, and what ``keep`` writes in the same transaction; publishes it.

    What can't be served is taken back; ``before`` is the document and the plans that are made live again.
    """
    deployments = opened.registry.deployments
    earlier = (deployments.document(), []) if before is None else before
    generation = document["generation"]
    with opened.registry.transaction():
        deployments.commit(document, plans, expected=generation - 1, principal=actor, reason=reason)
        keep()
    try:
        opened.publisher.publish(document)
    except TidegateError as error:
        _take_back(opened, *earlier, f"generation {generation} could not be served: {error}")
        raise


def _live_draft(opened: OpenHome, endpoint: EndpointInfo) -> PlanDraft | None:
    """The plan with its slots that answers now; None when none does."""
    deployments = opened.registry.deployments
    served = _entry(deployments.document(), endpoint)
    return deployments.plan_draft(endpoint.name) if served is not None else None


def get_traffic(opened: OpenHome, endpoint: str) -> dict[str, Any]:
    """The plan that answers an endpoint's requests now, and the model's versions in quarantine."""
    found = opened.registry.endpoints.get(endpoint)
    plan = opened.registry.deployments.plan(endpoint)
    if plan is None or _entry(opened.registry.deployments.document(), found) is None:
        raise NotFoundError(f"endpoint {endpoint!r} has no traffic plan yet")
    return plan.to_json() | {"quarantined": listed(opened, found.model)}


def _take_back(
    opened: OpenHome, before: Mapping[str, Any] | None, plans: list[PlanDraft], reason: str
) -> None:
    """Makes what was live before the newest generation, under a number of its own."""
    deployments = opened.registry.deployments
    document = rollout.following(
        {"generation": deployments.generation()},
        list((before or {}).get("endpoints", [])),
        timestamp(opened.clock()),
        (before or {}).get("default_endpoint"),
    )
    deployments.commit(
        document, plans, expected=document["generation"] - 1, principal="control", reason=reason
    )
    try:
        opened.publisher.publish(document)
    except TidegateError as error:
        log.error("the plan before could not be published again", error=str(error))  # noqa: TRY400


def _entry(document: Mapping[str, Any] | None, endpoint: EndpointInfo) -> dict[str, Any] | None:
    entries = (document or {}).get("endpoints", [])
    return next((entry for entry in entries if entry["id"] == endpoint.id), None)


def _check_contract(contract: Contract) -> None:
    """What the fields alone don't say; the scoring process checks the rest when it loads a version."""
    names = [column for spec in contract.inputs for column in spec.columns]
    names += [spec.name for spec in contract.context]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInputError(f"the name {twice!r} stands twice in the contract")
    for spec in contract.context:
        if spec.role == "key" and spec.datatype in {"BOOL", "FP16", "FP32", "FP64"}:
            raise InvalidInputError(
                f"context column {spec.name!r} is a routing key of type {spec.datatype}; "
                "expected an integer type or BYTES"
            )
