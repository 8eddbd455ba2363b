"""The verbs of retraining: look for faults in the data, train again on chosen rows, keep what is better."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from tidegate.errors import InvalidInputError
from tidegate.installation import material
from tidegate.installation.opened import JSON, Actor, OpenHome
from tidegate.installation.standing import moment
from tidegate.types import AlarmInfo, Contract, RetrainingInfo, VersionInfo

if TYPE_CHECKING:
    from tidegate.installation.material import Material
    from tidegate.training.jobs import Progress, RetrainResult
    from tidegate.training.recipes import Recipe

log = structlog.get_logger()


class Retraining(OpenHome):
    """The part of an installation that makes new versions out of what was served."""

    def retrain(
        self,
        endpoint: str,
        alarm: int | None = None,
        recipe: JSON | None = None,
        until: str | None = None,
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Trains the version that answers most once more, on its dataset and the labelled rows since.

        The change is where ``alarm`` (an id) began, else the newest tenth of the rows counts as new.
        ``recipe`` is by default the version's own; ``until`` is the event time up to which rows and labels
        are looked at.
        ``outcome`` is ``better``: a new version is registered; ``not_better``: nothing is; ``fix_data``: the
        inputs since the change have faults (:meth:`diagnose`), nothing was trained; ``too_few_labels``. The
        ``body`` has the faults, the candidates' table, the rule's result and the comparison.
        """
        request: JSON = {
            "endpoint": endpoint,
            "alarm": alarm,
            "recipe": recipe,
            "until": until,
            "reason": reason,
        }
        return self.long(
            "retrain",
            principal,
            idempotency_key,
            request,
            lambda actor: _retrain(self, **request, actor=actor),
        )

    def list_retrainings(
        self, endpoint: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> list[JSON]:
        """The retrainings of an endpoint, oldest first."""

        def run() -> list[JSON]:
            name = self.registry.endpoints.get(endpoint).name
            return [found.to_json() for found in self.registry.retrainings.all(name)]

        return self.read("list_retrainings", principal, idempotency_key, run)

    def diagnose(
        self,
        endpoint: str,
        since: str | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Names the faults of the data in the inputs that were logged, as null bursts and changed units.

        They are compared with what the version that answers most was trained on. ``since`` is an event time;
        by default that at which the newest open alarm began, else the newest 20,000 rows are looked at.
        """

        def run() -> JSON:
            found = self.registry.endpoints.get(endpoint).name
            opened = self.registry.alarms.all(found, open_only=True)
            begin = max((one.began for one in opened), default=None) if since is None else moment(since)
            return _diagnose(self, found, material.champion(self, found), begin, None)

        return self.read("diagnose", principal, idempotency_key, run)


def _diagnose(
    opened: OpenHome, endpoint: str, version: VersionInfo, since: datetime | None, until: datetime | None
) -> JSON:
    from tidegate.monitoring.faults import faults

    contract = Contract.model_validate(version.manifest["contract"])
    reference = material.reference(opened, version)
    wanted = [name for name in material.columns(contract) if name in reference.columns]
    missing = material.tokens(contract) | material.tokens(opened.registry.endpoints.get(endpoint).contract)
    rows = material.logged(opened, endpoint, wanted, missing, since=since, until=until)
    live = (rows if since is not None else rows.tail(material.DIAGNOSED)).collect()
    found = faults(reference, live, [name for name in wanted if name in live.columns])
    begin, end = live["tidegate_time"].min(), live["tidegate_time"].max()
    return {
        "endpoint": endpoint,
        "version": version.version,
        "since": begin.isoformat() if isinstance(begin, datetime) else None,
        "until": end.isoformat() if isinstance(end, datetime) else None,
        "rows": {"reference": reference.height, "live": live.height},
        "faults": found,
    }


def _retrain(
    opened: OpenHome,
    *,
    endpoint: str,
    alarm: int | None,
    recipe: JSON | None,
    until: str | None,
    reason: str,
    actor: str,
) -> JSON:
    name = opened.registry.endpoints.get(endpoint).name
    cause = _cause(opened, name, alarm)
    parent = material.champion(opened, name)
    how = material.recipe_of(parent, recipe)
    end = None if until is None else moment(until)
    change = None if cause is None else cause.began
    body = {"parent_version": parent.version, "until": until, "t_star": _text(change)}
    record = _Record(opened, name, parent, alarm, reason, actor, body)
    if material.dataset(opened, parent) is not None:
        seen = _diagnose(opened, name, parent, change, end)
        record.body |= {"diagnosis": seen}
        if seen["faults"]:
            first = "; ".join(fault["says"] for fault in seen["faults"][:3])
            return record.keep("fix_data", f"fix the data: {first}")
    rows = material.gather(opened, name, parent, how, end)
    record.body |= {"counts": rows.counts}
    folder = opened.home.jobs / f"retrain-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        found = _run(opened, parent, how, rows, change=change, folder=folder)
        return record.judged(found, rows, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cause(opened: OpenHome, endpoint: str, alarm: int | None) -> AlarmInfo | None:
    if alarm is None:
        return None
    found = opened.registry.alarms.get(alarm)
    if found.endpoint != endpoint:
        raise InvalidInputError(f"alarm {alarm} is of endpoint {found.endpoint}, not of {endpoint}")
    return found


def _run(
    opened: OpenHome,
    parent: VersionInfo,
    recipe: Recipe,
    rows: Material,
    *,
    change: datetime | None,
    folder: Path,
) -> RetrainResult:
    from tidegate.training.jobs import RetrainJob
    from tidegate.training.launch import run_job

    rows.frame.write_parquet(folder / "rows.parquet")

    stage = ""

    def tell(step: Progress) -> None:
        nonlocal stage
        if step.stage != stage:
            stage = step.stage
            log.info("retraining", stage=stage, done=f"{step.fraction:.0%}", what=step.message)

    job = RetrainJob(
        dataset=folder / "rows.parquet",
        recipe=recipe,
        time_column=rows.time_column,
        change=change,
        parent=opened.artifacts.path(parent.manifest["onnx"]),
        parent_contract=Contract.model_validate(parent.manifest["contract"]),
    )
    return run_job(job, folder, tell)


@dataclass
class _Record:
    """A retraining that is being made; kept once, with what came of it."""

    opened: OpenHome
    endpoint: str
    parent: VersionInfo
    alarm: int | None
    reason: str
    actor: str
    body: JSON

    def keep(self, outcome: str, says: str, **made: str) -> JSON:
        """Records the outcome and answers the record."""
        kept: RetrainingInfo = self.opened.registry.retrainings.record(
            self.endpoint,
            self.parent.digest,
            outcome,
            says,
            self.body,
            principal=self.actor,
            alarm=self.alarm,
            reason=self.reason,
            **made,
        )
        return kept.to_json()

    def judged(self, found: RetrainResult, rows: Material, folder: Path) -> JSON:
        """Records what the job found; registers dataset and version when it is better, in one transaction."""
        from tidegate.training import selection

        self.body |= {
            "t_star": _text(found.change),
            "rows": found.rows,
            "selection": found.selection,
            "comparison": found.comparison,
        }
        if found.trained is None:
            says = found.selection.get("says") or (
                f"{found.rows['since']} labelled rows since the change are too few: {selection.FEWEST} are "
                f"needed to choose by, {selection.FEWEST} to compare on, and as many to learn from"
            )
            return self.keep("too_few_labels", says)
        figures = found.comparison
        gain = (
            f"Brier score {figures['brier']:.4f} against {figures['parent_brier']:.4f} of version "
            f"{self.parent.version} on {figures['rows']} held-out recent rows (gain {figures['gain']:.4f}, "
            f"at least {figures['gain_low']:.4f} with 95 % confidence)"
        )
        if not figures["better"]:
            return self.keep("not_better", f"not better, so nothing is registered: {gain}")
        with self.opened.registry.transaction():
            version, dataset = self._register(found, rows, folder)
            return self.keep(
                "better",
                f"version {version.version} is better: {gain}; trained on {found.selection['chosen']}",
                version=version.digest,
                dataset=dataset,
            )

    def _register(self, found: RetrainResult, rows: Material, folder: Path) -> tuple[VersionInfo, str]:
        opened, trained = self.opened, found.trained
        assert trained is not None  # noqa: S101 -- the caller looked
        origin = {
            "kind": "labelled",
            "endpoint": self.endpoint,
            "parent": self.parent.manifest["dataset"],
            "alarm": self.alarm,
            "t_star": self.body["t_star"],
            "until": self.body["until"],
            "counts": rows.counts,
            "selection": found.selection["chosen"],
        }
        dataset = opened.registry.datasets.register(
            f"{self.endpoint}-labelled",
            opened.artifacts.put(folder / "dataset.parquet"),
            principal=self.actor,
            time_column=rows.time_column,
            origin=origin,
        )
        golden = opened.artifacts.put(folder / "golden.json")
        version = opened.registry.versions.register(
            self.parent.model,
            onnx=opened.artifacts.put(folder / "model.onnx"),
            signature=trained.signature,
            contract=trained.contract,
            profile=opened.artifacts.put(folder / "profile.arrow"),
            dataset=dataset.digest,
            recipe=trained.recipe.to_json(),
            code=trained.code | {"libraries": trained.libraries},
            metrics=trained.metrics,
            conversion=trained.conversion.to_json()
            | {"golden": trained.golden.to_json() | {"answers": golden}},
            principal=self.actor,
            parent=self.parent.digest,
            description=f"{trained.recipe.name}, trained again on {found.selection['chosen']}",
            stage=opened.settings.stages.names[0],
        )
        return version, dataset.digest


def _text(time: datetime | None) -> Any:
    return None if time is None else time.isoformat()
