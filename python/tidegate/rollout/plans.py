"""Traffic plans: weights become slots, moved as little as possible, and slots a new deployment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.errors import InvalidInputError
from tidegate.registry.deployments import checksum
from tidegate.types import (
    Contract,
    EndpointInfo,
    LogPolicy,
    PlanDraft,
    TensorSpec,
    TrafficRule,
    VariantPlan,
    VersionInfo,
)

SLOTS = 10_000
"""Slots of an endpoint: one is a hundredth of a percent of its keys."""
TOLERANCE = 1e-9
"""How far the weights' sum may be from 1."""

Stacks = list[list[int]]
Reassign = Callable[[int, Stacks | None, list[float]], tuple[Stacks, int]]
Ranges = Callable[[Stacks], list[list[tuple[int, int]]]]


def check_weights(weights: Mapping[str, float], shadows: Sequence[str]) -> None:
    """Refuses weights that are no shares of 1, and a version that would both answer and shadow."""
    if not weights:
        raise InvalidInputError("weights name no version; expected at least one")
    for version, weight in weights.items():
        if not math.isfinite(weight) or not 0 <= weight <= 1:
            raise InvalidInputError(f"version {version} has weight {weight}; expected 0 to 1")
    total = math.fsum(weights.values())
    if abs(total - 1) > TOLERANCE:
        raise InvalidInputError(f"the weights sum to {total:.12g}; expected 1")
    for version in shadows:
        if version in weights:
            raise InvalidInputError(f"version {version} is both weighted and a shadow; expected one of them")
    if len(set(shadows)) < len(shadows):
        raise InvalidInputError("a shadow is named twice")


def check_fit(contract: Contract, version: VersionInfo) -> None:
    """Refuses a version that asks for what the endpoint's clients don't send, or lacks what they read."""
    own = Contract.model_validate(version.manifest["contract"])
    name = f"version {version.version} of {version.model}"
    sent = {spec.name: spec for spec in contract.inputs}
    for spec in own.inputs:
        known = sent.get(spec.name)
        if known is None:
            raise InvalidInputError(
                f"{name} takes input {spec.name!r}, which the endpoint's contract lacks; "
                f"it has {', '.join(sent)}"
            )
        wanted, found = (spec.datatype, spec.columns), (known.datatype, known.columns)
        if wanted != found:
            raise InvalidInputError(
                f"{name} takes input {spec.name!r} as {_shown(*wanted)}; "
                f"the endpoint's contract has {_shown(*found)}"
            )
    given = {spec.name: spec for spec in own.outputs}
    for output in contract.outputs:
        if not _gives(given.get(output.name), output):
            raise InvalidInputError(
                f"{name} does not give output {output.name!r} as {output.datatype} of shape {output.shape}"
            )


def _gives(found: TensorSpec | None, wanted: TensorSpec) -> bool:
    """Whether an output is the wanted one; -1 stands for any width."""
    if found is None or found.datatype != wanted.datatype or len(found.shape) != len(wanted.shape):
        return False
    return all(a == b or -1 in (a, b) for a, b in zip(found.shape, wanted.shape, strict=True))


def _shown(datatype: str, columns: Sequence[str]) -> str:
    more = ", ..." if len(columns) > 3 else ""
    return f"{datatype} of {len(columns)} columns ({', '.join(columns[:3])}{more})"


def draft(
    endpoint: EndpointInfo,
    versions: Mapping[str, VersionInfo],
    weights: Mapping[str, float],
    shadows: Sequence[str],
    *,
    before: PlanDraft | None,
    mirror: bool = False,
    rules: Sequence[TrafficRule] = (),
    reassign: Reassign | None = None,
) -> PlanDraft:
    """The plan for ``weights``, with slots moved from ``before`` as little as possible.

    ``versions`` has every version that is named. With ``mirror`` each that answers is also scored on what the
    others answer. A version that leaves keeps its place until it owns no slot.
    ``reassign`` is the native one unless given.
    """
    check_weights(weights, shadows)
    for number in [*weights, *shadows]:
        check_fit(endpoint.contract, versions[number])
    if reassign is None:
        from tidegate._native import reassign as native

        reassign = native
    arms: list[str] = list(before.stacks["arms"]) if before is not None else []
    stacks: Stacks | None = before.stacks["slots"] if before is not None else None
    arms += sorted((number for number in weights if number not in arms), key=int)
    total = math.fsum(weights.values())
    shares = [weights.get(number, 0.0) / total for number in arms]
    moved, _ = reassign(SLOTS, stacks, shares)
    kept = [arm for arm, number in enumerate(arms) if moved[arm] or number in weights]
    variants = [
        VariantPlan(version=number, digest=versions[number].digest, weight=weight, mirror=mirror)
        for number, weight in sorted(weights.items(), key=lambda item: int(item[0]))
    ] + [
        VariantPlan(version=number, digest=versions[number].digest, weight=0.0, shadow=True)
        for number in shadows
    ]
    return PlanDraft(
        endpoint=endpoint.name,
        variants=variants,
        slots=SLOTS,
        rules=list(rules),
        stacks={"arms": [arms[arm] for arm in kept], "slots": [moved[arm] for arm in kept]},
    )


def deployment(
    before: Mapping[str, Any] | None,
    endpoint: EndpointInfo,
    plan: PlanDraft,
    versions: Mapping[str, VersionInfo],
    *,
    created_at: str,
    default_endpoint: str | None = None,
    log: LogPolicy | None = None,
    ranges: Ranges | None = None,
) -> dict[str, Any]:
    """The deployment that follows ``before`` and differs from it in ``endpoint`` alone."""
    if ranges is None:
        from tidegate._native import ranges as native

        ranges = native
    owned = dict(zip(plan.stacks["arms"], ranges(plan.stacks["slots"]), strict=True))
    others = [other for other in (before or {}).get("endpoints", []) if other["id"] != endpoint.id]
    entry = {
        "id": endpoint.id,
        "name": endpoint.name,
        "salt": endpoint.salt,
        "contract": endpoint.contract.to_json(),
        "slots": plan.slots,
        "variants": [
            {
                "model": endpoint.model,
                "version": variant.version,
                "digest": variant.digest,
                "onnx": versions[variant.version].manifest["onnx"],
                "profile": versions[variant.version].manifest["profile"],
                "weight": variant.weight,
                "shadow": variant.shadow,
                "mirror": variant.mirror,
                "slots": [list(pair) for pair in owned.get(variant.version, [])],
            }
            for variant in plan.variants
        ],
    }
    if plan.rules:
        entry["rules"] = [
            {name: value for name, value in rule.to_json().items() if value is not None}
            for rule in plan.rules
        ]
    if log is not None and log.scored() != LogPolicy().scored():
        entry["log"] = log.scored()
    endpoints = sorted([*others, entry], key=lambda found: str(found["name"]))
    return following(before, endpoints, created_at, default_endpoint)


def following(
    before: Mapping[str, Any] | None,
    endpoints: list[dict[str, Any]],
    created_at: str,
    default_endpoint: str | None = None,
) -> dict[str, Any]:
    """A deployment of ``endpoints`` with the generation after ``before``'s."""
    names = {entry["name"] for entry in endpoints}
    document: dict[str, Any] = {
        "format": 1,
        "generation": (before or {}).get("generation", 0) + 1,
        "created_at": created_at,
        "default_endpoint": default_endpoint if default_endpoint in names else None,
        "endpoints": endpoints,
    }
    return document | {"sha256": checksum(document)}
