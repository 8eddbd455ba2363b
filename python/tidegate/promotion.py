"""Promotion: versions move from stage to stage, when the move is allowed and its gates pass."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tidegate import gates
from tidegate.access import Principal, Role
from tidegate.errors import (
    ArtifactCorruptError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    SettingsError,
)
from tidegate.gates import BlindEvidence, Candidate, Evidence
from tidegate.registry import Registry
from tidegate.settings import Settings
from tidegate.types import BlindResult, BlindSet, Move, Rule, Verdict, VersionInfo

_NO_APPROVERS = frozenset({Role.ADMINISTRATOR, Role.SCORING_CLIENT, Role.RETRAINING_WORKER})
"""Roles that can't be made approvers: who hands out keys, and programs."""


def approvers(settings: Settings) -> frozenset[Role]:
    """The roles whose approval counts; :class:`SettingsError` for one that there is not or that never may."""
    known = sorted(set(Role) - _NO_APPROVERS)
    for name in settings.stages.approvers:
        if name not in known:
            raise SettingsError(
                f"stages.approvers: {name!r} can't approve; expected some of {', '.join(known)}"
            )
    return frozenset(Role(name) for name in settings.stages.approvers)


class Promoter:
    """Judges, approves and moves versions by the settings of a home."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._policy = settings.stages
        self._approvers = approvers(settings)

    def promote(
        self, model: str, number: str, stage: str, reason: str = "", *, principal: str
    ) -> dict[str, Any]:
        """Moves a version to ``stage``.

        Raises :class:`PreconditionError` when the move isn't allowed, a gate has not passed, the version
        answers requests that its new stage may not, or (``stages.best_only``) a better one passes as well;
        the message says what would satisfy it.
        """
        self._check_stage(stage)
        version = self._registry.versions.get(model, number)
        self._require_whole(version)
        with self._registry.transaction():
            version = self._registry.versions.by_digest(version.digest)
            move, verdicts = self._passed(version, stage)
            self._require_best(version, stage)
            self._require_not_live(version, stage)
            made = self._registry.stages.move(
                version.digest,
                version.stage,
                stage,
                self._rule(move),
                verdicts,
                principal=principal,
                reason=reason,
            )
        return self._registry.versions.by_digest(version.digest).to_json() | {"promotion": made.to_json()}

    def approve(
        self, model: str, number: str, stage: str, reason: str = "", *, principal: Principal
    ) -> dict[str, Any]:
        """Says a named yes to a version in a stage; whoever registered it is refused."""
        self._check_stage(stage)
        if not any("approval" in move.gates for move in self._policy.moves if move.to == stage):
            raise PreconditionError(
                f"no move to {stage} needs an approval: "
                f"tidegate version promote {shlex.join([model, number, stage])} --reason WHY"
            )
        version = self._registry.versions.get(model, number)
        self._require_whole(version)
        roles = principal.roles & self._approvers
        if version.created_by == principal.name:
            raise PermissionDeniedError(
                f"{principal.name} registered {_name(version)} and can't approve it; "
                f"somebody else must who is {self._who()}: "
                f"tidegate key create NAME --role {min(self._approvers)}"
            )
        if not roles:
            raise PermissionDeniedError(f"{principal.name} may not approve: it needs {self._who()}")
        given = self._registry.stages.approve(
            version.digest, stage, roles, principal=principal.name, reason=reason
        )
        return {"model": version.model, "version": version.version, **given.to_json()}

    def gates(self, model: str, number: str, stage: str | None = None) -> dict[str, Any]:
        """What passed and what is missing for the moves that a version can make, and what it went through.

        ``history`` says of each move whether its verdicts still follow from what is stored (``holds``).
        """
        version = self._registry.versions.get(model, number)
        if stage is None:
            moves = gates.leaving(self._policy.moves, version.stage)
        else:
            self._check_stage(stage)
            moves = [self._allowed(version, stage)]
        approvals = self._registry.stages.approvals(version.digest)
        history = self._registry.stages.history(version.digest)
        return {
            "model": version.model,
            "version": version.version,
            "digest": version.digest,
            "stage": version.stage,
            "created_by": version.created_by,
            "moves": [self._outlook(version, move) for move in moves],
            "approvals": [approval.to_json() for approval in approvals],
            "history": [
                made.to_json()
                | {
                    "holds": gates.agree(
                        made.verdicts,
                        gates.judge(made.rule, self._evidence(version, made.to_stage, made.created_at)),
                    )
                }
                for made in history
            ],
        }

    def candidates(self, model: str, stage: str, by: str) -> list[Candidate]:
        """A model's versions, oldest first: the figure ``by``, and what keeps each from ``stage``."""
        self._check_stage(stage)
        return [self._candidate(version, stage, by) for version in self._registry.versions.all(model)]

    def require_retirable(self, version: VersionInfo) -> str:
        """The stage that a version retires to; :class:`PreconditionError` when it can't move there."""
        stage = self._policy.retired
        if stage not in self._policy.names:
            raise SettingsError(
                f"stages.retired: there is no stage {stage!r}; "
                f"expected one of {', '.join(self._policy.names)}"
            )
        if version.stage == stage:
            raise PreconditionError(f"{_name(version)} is retired already: it is in {stage}")
        self._passed(version, stage)
        return stage

    def require_servable(
        self, versions: Mapping[str, VersionInfo], weights: Iterable[str], shadows: Iterable[str]
    ) -> None:
        """Refuses a plan with retired versions, and with versions in stages that may not answer or shadow.

        The latter not in a home whose settings say ``require_production = false``.
        """
        for number in (*weights, *shadows):
            if versions[number].stage == self._policy.retired:
                raise PreconditionError(
                    f"{_name(versions[number])} is retired ({self._policy.retired}) and serves no more; "
                    f"{self._first_step(versions[number], self._policy.answering)}"
                )
        if not self._settings.require_production:
            return
        for names, stages, does in (
            (weights, self._policy.answering, "answer"),
            (shadows, self._policy.shadowing, "shadow"),
        ):
            for number in names:
                version = versions[number]
                if version.stage not in stages:
                    raise PreconditionError(
                        f"{_name(version)} is in {version.stage} and may not {does}: it needs "
                        f"{' or '.join(stages)} (require_production); {self._first_step(version, stages)}"
                    )

    def _require_whole(self, version: VersionInfo) -> None:
        """Refuses a version whose stored parts are no longer those that its digest binds."""
        try:
            self._registry.versions.verify(version.digest)
        except (ArtifactCorruptError, InternalError, NotFoundError) as error:
            raise PreconditionError(
                f"{_name(version)} is not what its digest binds any more, so no gate and no approval holds "
                f"for it: {error}; tidegate version register {shlex.quote(version.model)} --onnx FILE"
            ) from error

    def _outlook(self, version: VersionInfo, move: Move) -> dict[str, Any]:
        verdicts = self._judge(version, move)
        rows = [
            verdict.to_json() | {"command": None if verdict.passed else self._remedy(version, move, verdict)}
            for verdict in verdicts
        ]
        return {"to": move.to, "open": all(verdict.passed for verdict in verdicts), "gates": rows}

    def _judge(self, version: VersionInfo, move: Move) -> list[Verdict]:
        return gates.judge(self._rule(move), self._evidence(version, move.to))

    def _evidence(self, version: VersionInfo, stage: str, until: datetime | None = None) -> Evidence:
        """What is stored about a version; of blind sets what was there at ``until``."""
        blind = self._registry.blind.of_version(version.model, version.digest, until)
        return Evidence(
            digest=version.digest,
            maker=version.created_by,
            stage=stage,
            metrics=version.manifest["metrics"],
            conversion=version.manifest["conversion"],
            approvals=self._registry.stages.approvals(version.digest),
            blind=[_blind(found, result) for found, result in blind],
        )

    def _candidate(self, version: VersionInfo, stage: str, by: str) -> Candidate:
        evidence = self._evidence(version, stage)
        found = Candidate(
            version=version.version,
            digest=version.digest,
            stage=version.stage,
            value=gates.figure(by, evidence),
        )
        move = gates.find(self._policy.moves, version.stage, stage)
        if move is None:
            return found.model_copy(update={"says": f"no move leads from {version.stage} to {stage}"})
        verdicts = [each for each in gates.judge(self._rule(move), evidence) if each.gate != "approval"]
        says = self._missing(version, move, verdicts)
        if not says and found.value is None:
            says = f"it has no {by}"
        return found.model_copy(update={"verdicts": tuple(verdicts), "says": says})

    def _require_best(self, version: VersionInfo, stage: str) -> None:
        """Under ``best_only``, a stage that answers is for the best of those that pass."""
        if not self._policy.best_only or stage not in self._policy.answering:
            return
        by = self._policy.best_by
        best = gates.ranked(self.candidates(version.model, stage, by), by)
        if best and best[0].digest == version.digest:
            return
        why = (
            f"version {best[0].version} passes as well and goes first ({by} is {best[0].value:.4g}); see"
            if best
            else f"it has no {by}, by which the best goes on; see"
        )
        show = f"tidegate version rank {shlex.quote(version.model)} --to {stage} --by {by}"
        raise PreconditionError(f"{_name(version)} can't move to {stage} (stages.best_only): {why}: {show}")

    def _rule(self, move: Move) -> Rule:
        return Rule(
            gates=move.gates,
            approvers=self._policy.approvers,
            conversion_tolerance=self._policy.conversion_tolerance,
            require_metrics=self._policy.require_metrics,
        )

    def _check_stage(self, stage: str) -> None:
        if stage not in self._policy.names:
            raise InvalidInputError(f"there is no stage {stage!r}; there are {', '.join(self._policy.names)}")

    def _passed(self, version: VersionInfo, stage: str) -> tuple[Move, list[Verdict]]:
        """The move to a stage with its verdicts; refused unless it is allowed and every gate has passed."""
        move = self._allowed(version, stage)
        verdicts = self._judge(version, move)
        if told := self._missing(version, move, verdicts):
            raise PreconditionError(f"{_name(version)} can't move to {move.to}: {told}")
        return move, verdicts

    def _allowed(self, version: VersionInfo, stage: str) -> Move:
        move = gates.find(self._policy.moves, version.stage, stage)
        if move is None:
            ways = [each.to for each in gates.leaving(self._policy.moves, version.stage)]
            raise PreconditionError(
                f"{_name(version)} can't move from {version.stage} to {stage}; from there it can move to "
                f"{', '.join(ways) or 'nowhere'}; {self._first_step(version, [stage])}"
            )
        return move

    def _missing(self, version: VersionInfo, move: Move, verdicts: Sequence[Verdict]) -> str:
        """Each gate that has not passed, why, and what would satisfy it; nothing when all have."""
        return "; ".join(
            f"gate {verdict.gate} has not passed: {verdict.says}; {self._remedy(version, move, verdict)}"
            for verdict in verdicts
            if not verdict.passed
        )

    def _require_not_live(self, version: VersionInfo, stage: str) -> None:
        """A version that serves stays in a stage that may, if the settings ask for one, and never retires."""
        retires = stage == self._policy.retired
        if not self._settings.require_production and not retires:
            return
        document = self._registry.deployments.document() or {}
        for endpoint in document.get("endpoints", []):
            for variant in endpoint["variants"]:
                stages = self._policy.shadowing if variant["shadow"] else self._policy.answering
                if variant["digest"] == version.digest and stage not in stages:
                    name = shlex.quote(endpoint["name"])
                    first = (
                        f"tidegate version retire {shlex.join([version.model, version.version])}"
                        if retires
                        else f"tidegate traffic set {name} VERSION=1.0"
                    )
                    raise PreconditionError(
                        f"{_name(version)} serves endpoint {endpoint['name']} and can't leave for {stage}; "
                        f"this takes it out of the plan: {first}"
                    )

    def _remedy(self, version: VersionInfo, move: Move, verdict: Verdict) -> str:
        """The command that would satisfy a gate."""
        if verdict.gate == "approval":
            return f"{_command('approve', version, move.to)} (as {self._who()}, not {version.created_by})"
        if verdict.gate.startswith(gates.BLIND) and verdict.figures["result"] is None:
            return self._blind_remedy(version, verdict.figures["set"])
        wanted = (
            "a model whose conversion is faithful"
            if verdict.gate == "conversion"
            else f"a version with {verdict.gate}"
        )
        name = shlex.quote(version.model)
        return f"{wanted} is needed: tidegate version register {name} --onnx FILE --facts FACTS"

    def _blind_remedy(self, version: VersionInfo, name: str | None) -> str:
        model, judge = shlex.quote(version.model), shlex.join([version.model, version.version])
        does = (
            f"add NAME {model} FILE.age"
            if name is None
            else f"judge {shlex.quote(name)} {judge} --identity FILE"
        )
        return f"tidegate blind {does} (as {Role.MODEL_VALIDATOR}, not {version.created_by})"

    def _first_step(self, version: VersionInfo, goals: Collection[str]) -> str:
        """The move that leads on, after what its gates still lack."""
        steps = gates.way(self._policy.moves, version.stage, goals)
        if not steps:
            return "no moves lead there; the setting stages.moves allows them"
        promote = _command("promote", version, steps[0].to)
        missing = self._missing(version, steps[0], self._judge(version, steps[0]))
        return f"{missing}; then: {promote}" if missing else f"first: {promote}"

    def _who(self) -> str:
        return " or ".join(sorted(self._approvers))


def _name(version: VersionInfo) -> str:
    return f"version {version.version} of {version.model}"


def _command(verb: str, version: VersionInfo, stage: str) -> str:
    words = shlex.join([version.model, version.version, stage])
    return f"tidegate version {verb} {words} --reason WHY"


def _blind(found: BlindSet, result: BlindResult | None) -> BlindEvidence:
    evidence = BlindEvidence(name=found.name, added_by=found.created_by)
    if result is None:
        return evidence
    return evidence.model_copy(
        update={"result": result.id, "judged_by": result.created_by, "figures": result.figures}
    )
