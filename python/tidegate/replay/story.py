"""What the house kept: decisions, alarms, retrainings, versions, and what each period saw of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

JSON = dict[str, Any]
NAMED = 3
"""Features that are named where there is no room for all."""


class Auditor(Protocol):
    """The verbs by which an auditor reads; see :class:`tidegate.Client`."""

    def list_decisions(  # noqa: D102
        self, endpoint: str, since: str | None = None, all_panes: bool = False
    ) -> list[JSON]: ...
    def list_alarms(self, endpoint: str) -> list[JSON]: ...  # noqa: D102
    def list_retrainings(self, endpoint: str) -> list[JSON]: ...  # noqa: D102
    def list_versions(self, model: str) -> list[JSON]: ...  # noqa: D102
    def version_gates(self, model: str, number: str) -> JSON: ...  # noqa: D102


def collected(auditor: Auditor, name: str) -> JSON:
    """The ``decisions``, ``floor``, ``alarms``, ``retrainings`` and ``versions`` of the result."""
    panes = auditor.list_decisions(name, all_panes=True)
    return {
        "decisions": [_decision(one) for one in auditor.list_decisions(name)],
        "floor": [found for one in panes if (found := _floor(one)) is not None],
        "alarms": [_alarm(one) for one in auditor.list_alarms(name)],
        "retrainings": [_retraining(one) for one in auditor.list_retrainings(name)],
        "versions": [_version(auditor, one) for one in auditor.list_versions(name)],
    }


def period_of(moment: str, zone: str, period: str) -> str:
    """The month or day of a time, by the clock of ``zone``."""
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo(zone))
    return local.strftime("%Y-%m" if period == "month" else "%Y-%m-%d")


def tell(result: JSON) -> None:
    """Adds to each of the result's ``periods`` its ``alarms`` (features) and ``story`` (what was done)."""
    zone, period = result["zone"], result["period"]
    for row in result["periods"]:
        row["alarms"] = _in_alarm(result["alarms"], row, zone, period)
        row["story"] = [told for at, told in _told(result) if period_of(at, zone, period) == row["period"]]


def compact(story: Sequence[str]) -> str:
    """Several of a kind in a row as one: ``step_up 6 x4, crown 6``."""
    found: list[tuple[str, int]] = []
    for one in story:
        if found and found[-1][0] == one:
            found[-1] = (one, found[-1][1] + 1)
        else:
            found.append((one, 1))
    return ", ".join(one if count == 1 else f"{one} x{count}" for one, count in found)


def _told(result: JSON) -> Iterable[tuple[str, str]]:
    """Decisions and people's acts in the order of event time, each in two or three words."""
    moves = [
        (one["at"], f"{event['rule']} {event['version']}")
        for one in result["decisions"]
        for event in one["events"]
        if event["rule"] not in {"hold", "cooldown", "shadow"}
    ]
    acts = [(one["at"], _short(one)) for one in result["acts"] if one["kind"] in _KINDS]
    return sorted([*moves, *acts], key=lambda told: told[0])


_KINDS = {"retraining", "refused", "approved", "retired"}


def _short(act: JSON) -> str:
    if act["kind"] == "retraining":
        return f"retraining {act['retraining']} {act['outcome']}"
    return f"{act['kind']} {act['version']}" if act["version"] else act["kind"]


def _in_alarm(alarms: Sequence[JSON], row: JSON, zone: str, period: str) -> list[str]:
    """The features of the period's leading version whose alarm was open at some time in it."""
    found = [
        one["feature"]
        for one in alarms
        if one["version"] == row["lead"]
        and period_of(one["alarmed_at"], zone, period) <= row["period"]
        and (one["ended_at"] is None or period_of(one["ended_at"], zone, period) >= row["period"])
    ]
    return list(dict.fromkeys(found))


def _decision(one: JSON) -> JSON:
    body = one["body"]
    kept = {name: one[name] for name in ("id", "rule", "action", "says", "generation")}
    return kept | {
        "at": datetime.fromisoformat(one["at"]).astimezone(UTC).isoformat(),
        "before": body.get("before", {}),
        "after": body.get("after", {}),
        "events": body.get("events", []),
    }


def _floor(one: JSON) -> JSON | None:
    """The loss of a pane's champion, and what the floor's check said of it."""
    body = one["body"]
    pane, floor, state = body.get("pane"), body.get("floor"), body.get("state") or {}
    if pane is None or not body.get("versions"):
        return None
    answering = {number: found for number, found in body["versions"].items() if found.get("answered")}
    if not answering:
        return None
    most = max(answering, key=lambda number: answering[number]["answered"])
    return {
        "begin": pane["begin"],
        "version": most,
        "champion": state.get("champion"),
        "loss": answering[most]["loss"],
        "ln_m": None if floor is None else floor["ln_m"],
        "ln_alarm": None if floor is None else floor["ln_alarm"],
        "threshold": None if floor is None else floor["threshold"],
        "broken": bool(floor and floor["broken"]),
    }


def _alarm(one: JSON) -> JSON:
    names = ("id", "version", "shadow", "role", "feature", "stream", "began", "alarmed_at", "ended_at")
    size = {name: one["verdict"].get(name) for name in ("psi_bias_corrected", "magnitude", "ln_m")}
    return {name: one[name] for name in names} | size


def _retraining(one: JSON) -> JSON:
    names = ("id", "alarm", "parent", "outcome", "version", "dataset", "says")
    return {name: one[name] for name in names}


def _version(auditor: Auditor, one: JSON) -> JSON:
    manifest = one["manifest"]
    approvals = auditor.version_gates(one["model"], one["version"])["approvals"]
    return {
        **{name: one[name] for name in ("version", "digest", "stage", "description", "created_by")},
        "name": manifest["recipe"].get("name", ""),
        "estimator": manifest["recipe"].get("estimator", ""),
        "parent": manifest["parent"],
        "dataset": manifest["dataset"],
        "profile": manifest["profile"],
        "auc": manifest["metrics"].get("auc"),
        "brier": manifest["metrics"].get("brier"),
        "approved_by": sorted({given["created_by"] for given in approvals}),
    }
