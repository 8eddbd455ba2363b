"""The loop: look at outcomes and drift, move traffic, retrain where it is proposed, judge again, retire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tidegate.errors import TidegateError
from tidegate.monitoring.alarms import stream_name
from tidegate.monitoring.proposals import proposes_retraining
from tidegate.replay.rules import Rules

JSON = dict[str, Any]
UAT, PRODUCTION = "uat", "production"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Operator(Protocol):
    """The verbs of an operator that the loop uses; see :class:`tidegate.Client`."""

    def get_traffic(self, endpoint: str) -> JSON: ...  # noqa: D102
    def check_drift(self, endpoint: str) -> JSON: ...  # noqa: D102
    def steer(self, endpoint: str, until: str | None = None) -> JSON: ...  # noqa: D102
    def list_decisions(self, endpoint: str, since: str | None = None) -> list[JSON]: ...  # noqa: D102
    def list_versions(self, model: str) -> list[JSON]: ...  # noqa: D102
    def promote_version(self, model: str, number: str, stage: str, reason: str = "") -> JSON: ...  # noqa: D102
    def challenge(  # noqa: D102
        self, endpoint: str, version: str, reason: str = "", retraining: int | None = None
    ) -> JSON: ...
    def retire_version(self, model: str, number: str, reason: str = "") -> JSON: ...  # noqa: D102


class Retrainer(Protocol):
    """The verb of a retraining worker."""

    def retrain(  # noqa: D102
        self, endpoint: str, alarm: int | None = None, *, until: str | None = None, reason: str = ""
    ) -> JSON: ...


class Judge(Protocol):
    """The validator, as :class:`tidegate.replay.validator.Validator` is one."""

    def renew(self, at: int, champion: str) -> str | None: ...  # noqa: D102
    def judge(self, number: str) -> JSON: ...  # noqa: D102
    def approve(self, number: str, against: str | None = None) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class House:
    """Who does what in the loop."""

    operator: Operator
    retrainer: Retrainer
    judge: Judge


class Loop:
    """Runs one endpoint of the model of the same name; ``look`` is called now and then, in event time."""

    def __init__(self, house: House, name: str, rules: Rules, champion: str) -> None:
        self._operator, self._retrainer, self._judge = house.operator, house.retrainer, house.judge
        self._name, self._rules = name, rules
        self.champion = champion
        self.acts: list[JSON] = []
        """What people did and why, in order: ``at``, ``kind``, ``version``, ``says``."""
        self._alarms: list[JSON] = []
        self._decided = 0
        self._broken = False
        self._trying = False
        self._begun: datetime | None = None
        self._checked: datetime | None = None
        self._retrained: datetime | None = None

    def look(self, at: int) -> bool:
        """One look at event time ``at`` (microseconds since 1970, UTC); whether traffic changed."""
        now = _EPOCH + timedelta(microseconds=at)
        self._begun = self._begun or now
        before = self._generation()
        if self._due(self._checked, now, self._rules.pace.drift_panes):
            self._check_drift(now)
        self._operator.steer(self._name, until=now.isoformat())
        self._follow(now)
        if self._may_retrain(now):
            self._retrain(now)
        return self._generation() != before

    def _may_retrain(self, now: datetime) -> bool:
        """Whether the last retraining is long enough ago: twice as long while what it made is being tried."""
        panes = self._rules.pace.retrain_panes * (2 if self._trying else 1)
        return self._due(self._retrained or self._begun, now, panes)

    def _generation(self) -> int:
        return int(self._operator.get_traffic(self._name)["generation"])

    def _due(self, last: datetime | None, now: datetime, panes: int) -> bool:
        return last is None or now - last >= timedelta(hours=panes * self._rules.pace.pane_hours)

    def _act(self, now: datetime, kind: str, says: str, version: str | None = None, **more: Any) -> None:
        self.acts.append({"at": now.isoformat(), "kind": kind, "version": version, "says": says, **more})

    def _check_drift(self, now: datetime) -> None:
        """Keeps what is in alarm now."""
        found = self._operator.check_drift(self._name)
        self._checked = now
        # An alarm opens when a shift is just large enough to be seen: how large it is by now is what counts.
        by_now = {_stream(verdict): verdict for verdict in found["verdicts"]}
        self._alarms = [
            alarm | {"verdict": by_now.get(_stream(alarm), alarm["verdict"])} for alarm in found["alarms"]
        ]
        for alarm in self._alarms:
            if alarm["id"] in found["new"]:
                what = f"{stream_name(alarm)} of version {alarm['version']}"
                says = f"{what} has changed since {alarm['began'][:16]}"
                self._act(now, "alarm", says, alarm["version"], alarm=alarm["id"])

    def _follow(self, now: datetime) -> None:
        """Follows the decisions that were made: who is champion now, and who may be retired."""
        for decision in self._operator.list_decisions(self._name):
            if decision["id"] <= self._decided:
                continue
            self._decided = decision["id"]
            floor = decision["body"].get("floor")
            if floor is not None:  # what was decided without looking at the floor says nothing of it
                self._broken = floor["broken"]
            self._trying = any(
                one["retraining"] is not None and one["phase"] in {"shadow", "climb"}
                for one in (decision["body"].get("state") or {}).get("challengers", [])
            )
            for event in decision["body"].get("events", []):
                if event["rule"] == "crown":
                    self.champion = event["version"]
                    self._broken = False
                if event["rule"] == "drained":
                    self._retire(now, event["version"])

    def _retire(self, now: datetime, version: str) -> None:
        try:
            self._operator.retire_version(self._name, version, "replaced and drained")
        except TidegateError as error:
            self._act(now, "refused", str(error), version)
        else:
            self._act(
                now, "retired", f"version {version} is retired: its last requests were answered", version
            )

    def _retrain(self, now: datetime) -> None:
        """Retrains when an alarm proposes it or the floor is broken; what came of it is kept, good or bad."""
        alarm, reason = self._reason()
        if reason is None:
            return
        self._retrained = now
        try:
            made = self._retrainer.retrain(self._name, alarm, until=now.isoformat(), reason=reason)
        except TidegateError as error:
            self._act(now, "refused", f"retraining failed: {error}")
            return
        self._act(
            now, "retraining", made["says"], retraining=made["id"], outcome=made["outcome"], reason=reason
        )
        if made["outcome"] == "better":
            self._bring(now, made)

    def _reason(self) -> tuple[int | None, str | None]:
        """The champion's input that moved most, else its score, and why to retrain; None without a reason."""
        mine = [
            alarm
            for alarm in self._alarms
            if alarm["version"] == self.champion
            and proposes_retraining(alarm["verdict"], performance_break=self._broken)
        ]
        broken = "the floor is broken" if self._broken else None
        if not mine:
            return None, broken
        most = max(mine, key=_size)
        moved = f"{stream_name(most)} has changed since {most['began'][:10]}"
        return int(most["id"]), moved if broken is None else f"{broken}, and {moved}"

    def _bring(self, now: datetime, made: JSON) -> None:
        """The new version's way: gates, sealed set, approval, production, challenger."""
        number = next(
            one["version"]
            for one in self._operator.list_versions(self._name)
            if one["digest"] == made["version"]
        )
        reason = f"retraining {made['id']}"
        try:
            self._operator.promote_version(self._name, number, UAT, reason)
            renewed = self._judge.renew(_microseconds(now), self.champion)
            figures = self._judge.judge(number)
            says = f"the sealed set says of version {number}: {_shown(figures)}"
            self._act(now, "blind", says if renewed is None else f"{renewed}; {says}", number)
            refusal = self._judge.approve(number, against=self.champion)
            if refusal is not None:
                self._act(now, "refused", refusal, number)
                return
            self._operator.promote_version(self._name, number, PRODUCTION, reason)
            self._operator.challenge(self._name, number, reason, made["id"])
            says = (
                f"version {number} is approved, moved to production, and challenges version {self.champion}"
            )
            self._act(now, "approved", says, number)
        except TidegateError as error:
            self._act(now, "refused", str(error), number)


def _stream(named: JSON) -> tuple[Any, ...]:
    return tuple(named[part] for part in ("version", "role", "feature", "stream"))


def _size(alarm: JSON) -> tuple[bool, float]:
    """A moved score is what moved inputs did, so it comes after them."""
    return alarm["role"] == "input", alarm["verdict"].get("psi_bias_corrected") or 0.0


def _microseconds(now: datetime) -> int:
    return (now - _EPOCH) // timedelta(microseconds=1)


def _shown(figures: JSON) -> str:
    return ", ".join(f"{name} {figures[name]}" for name in ("auc", "brier", "failed") if name in figures)
