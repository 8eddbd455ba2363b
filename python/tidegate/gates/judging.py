"""The gates: each looks at stored evidence and gives a verdict that the same evidence gives again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from pydantic import Field

from tidegate.errors import InvalidInputError
from tidegate.types import Approval, Rule, Value, Verdict

BLIND = "blind."
"""How a gate begins whose metric is a figure of the model's newest blind set."""


class BlindEvidence(Value):
    """A blind set of the model, and what it said of the version."""

    name: str
    added_by: str
    result: int | None = None
    """The result's id; None when the version was not judged by this set."""
    judged_by: str | None = None
    figures: dict[str, Any] = Field(default_factory=dict)


class Evidence(Value):
    """Everything that a gate may look at."""

    digest: str
    """The version's digest, which every verdict is bound to."""
    maker: str
    """The principal that registered the version."""
    stage: str
    """The stage that the version is to enter."""
    metrics: dict[str, Any]
    """As the manifest has them."""
    conversion: dict[str, Any]
    """As the manifest has it."""
    approvals: list[Approval]
    """Oldest first."""
    blind: list[BlindEvidence] = Field(default_factory=list)
    """Oldest first."""


def judge(rule: Rule, evidence: Evidence) -> list[Verdict]:
    """What each gate of the rule says, in the rule's order."""
    return [_verdict(gate, rule, evidence) for gate in rule.gates]


def agree(given: Iterable[Verdict], again: Iterable[Verdict]) -> bool:
    """Whether two judgements are the same, whatever words they use."""

    def essence(verdicts: Iterable[Verdict]) -> list[tuple[str, str, bool, dict[str, Any]]]:
        return [(each.gate, each.digest, each.passed, each.figures) for each in verdicts]

    return essence(given) == essence(again)


def _verdict(gate: str, rule: Rule, evidence: Evidence) -> Verdict:
    if gate == "conversion":
        passed, says, figures = _conversion(rule, evidence.conversion)
    elif gate == "approval":
        passed, says, figures = _approval(rule, evidence)
    elif gate.startswith(BLIND):
        passed, says, figures = _blind(gate, evidence)
    else:
        passed, says, figures = _bound(gate, rule, evidence.metrics)
    return Verdict(gate=gate, digest=evidence.digest, passed=passed, figures=figures, says=says)


Found = tuple[bool, str, dict[str, Any]]


def _conversion(rule: Rule, found: Mapping[str, Any]) -> Found:
    """Figures of a comparison with the original, or a golden run of a file that was never converted."""
    if found.get("kind") == "none":
        golden = found.get("golden")
        rows = golden.get("rows") if isinstance(golden, Mapping) else None
        ran = _is_count(rows) and rows > 0
        said = (
            f"never converted; a golden run of {rows} rows" if ran else "never converted, and no golden run"
        )
        return ran, said, {"kind": "none", "golden_rows": rows if ran else None}
    names = ("rows", "max_difference", "labels_differing", "tolerance")
    figures: dict[str, Any] = {name: found.get(name) for name in names}
    figures["allowed"] = rule.conversion_tolerance
    rows, difference, differing, tolerance = (figures[name] for name in names)
    if not (_is_count(rows) and _is_count(differing) and is_number(difference) and is_number(tolerance)):
        return False, "the manifest has no figures of a conversion", figures
    faithful = (
        rows > 0
        and 0 <= difference <= rule.conversion_tolerance
        and differing == 0
        and 0 <= tolerance <= rule.conversion_tolerance
    )
    said = (
        f"on {rows} rows the largest difference is {difference:.3g}, {differing} labels differ "
        f"(compared to {tolerance:g}; allowed {rule.conversion_tolerance:g})"
    )
    return faithful, said, figures


def _bound(gate: str, rule: Rule, metrics: Mapping[str, Any]) -> Found:
    """``metric >= number`` or ``metric <= number``; a version without any metric is let by unless told."""
    metric, sign, bound = _parsed(gate)
    value = metrics.get(metric)
    figures = {"metric": metric, "value": value, "bound": bound, "metrics": len(metrics)}
    if not metrics:
        return not rule.require_metrics, "not judged: the version has no metrics", figures
    if not is_number(value):
        known = ", ".join(sorted(name for name in metrics if is_number(metrics[name]))) or "none"
        return False, f"the manifest has no number {metric}; it has {known}", figures
    passed = value >= bound if sign == ">=" else value <= bound
    return passed, f"{metric} is {value:.4g}", figures


def newest_blind(evidence: Evidence) -> BlindEvidence | None:
    """The newest blind set that the version's maker did not add; a result that the maker gave is none."""
    others = [found for found in evidence.blind if found.added_by != evidence.maker]
    if not others:
        return None
    newest = others[-1]
    if newest.judged_by == evidence.maker:
        return BlindEvidence(name=newest.name, added_by=newest.added_by)
    return newest


def _blind(gate: str, evidence: Evidence) -> Found:
    """A bound on a figure of the newest blind set; without a result it has not passed."""
    metric, sign, bound = _parsed(gate)
    newest = newest_blind(evidence)
    figures: dict[str, Any] = {
        "metric": metric,
        "value": None,
        "bound": bound,
        "set": newest.name if newest else None,
        "result": newest.result if newest else None,
    }
    if newest is None:
        return False, "the model has no blind set that its maker did not add", figures
    if newest.result is None:
        return False, f"blind set {newest.name} has not judged it", figures
    if "failed" in newest.figures:
        return False, f"on blind set {newest.name} it failed: {newest.figures['failed']}", figures
    value = newest.figures.get(metric.removeprefix(BLIND))
    figures["value"] = value
    if not is_number(value):
        return False, f"a blind set has no figure {metric}; it has {', '.join(newest.figures)}", figures
    passed = value >= bound if sign == ">=" else value <= bound
    return passed, f"{metric} is {value:.4g} on blind set {newest.name}", figures


def _parsed(gate: str) -> tuple[str, str, float]:
    try:
        metric, sign, text = gate.split()
        return metric, sign, float(text)
    except ValueError:
        raise InvalidInputError(f"there is no gate {gate!r}") from None


def _approval(rule: Rule, evidence: Evidence) -> Found:
    """The first approval of this digest for this stage that counts."""
    counted = [
        found
        for found in evidence.approvals
        if found.digest == evidence.digest
        and found.stage == evidence.stage
        and found.created_by != evidence.maker
        and set(found.roles) & set(rule.approvers)
    ]
    figures: dict[str, Any] = {"maker": evidence.maker, "approval": None, "approver": None}
    if not counted:
        return False, f"nobody but its maker {evidence.maker} has approved it yet", figures
    first = counted[0]
    figures |= {"approval": first.id, "approver": first.created_by}
    return True, f"approved by {first.created_by}", figures


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a figure is one: finite, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
