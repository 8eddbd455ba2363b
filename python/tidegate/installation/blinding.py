"""The verbs of blind validation: sealed sets, judgements of versions by them, and who goes on."""

from __future__ import annotations

import threading
from pathlib import Path

from tidegate import sealed
from tidegate.errors import PermissionDeniedError
from tidegate.installation.opened import JSON, Actor, OpenHome
from tidegate.installation.verbs import is_digest
from tidegate.ranking import rank
from tidegate.types import BlindSet, Contract, VersionInfo

_ONE_AT_A_TIME = threading.Lock()


class Blinding(OpenHome):
    """The part of an installation that judges versions by rows that only their validator can read."""

    def add_blind_set(
        self,
        name: str,
        model: str,
        source: str | Path,
        budget: int = 20,
        description: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Adds a sealed file (a path, or the digest of an artifact) as a blind set of a model.

        ``budget`` is how many versions it may judge. A file that is not sealed is refused.
        """
        self.allowed("add_blind_set", principal)
        if not is_digest(str(source)):
            sealed.check_sealed(Path(source))
        digest = self.artifact(source)
        sealed.check_sealed(self.artifacts.path(digest))
        request = {
            "name": name,
            "model": model,
            "artifact": digest,
            "budget": budget,
            "description": description,
        }
        return self.once(
            "add_blind_set",
            principal,
            idempotency_key,
            request,
            lambda actor: self.registry.blind.add(**request, principal=actor).to_json(),  # type: ignore[arg-type]
        )

    def list_blind_sets(self, *, principal: Actor = None, idempotency_key: str | None = None) -> list[JSON]:
        """All blind sets, oldest first, with ``left`` (versions) and the ``results`` that they gave."""
        return self.read("list_blind_sets", principal, idempotency_key, self._blind_sets)

    def judge_blind(
        self,
        name: str,
        number: str,
        identity: str,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Judges a version of the set's model by the set, which ``identity`` (AGE-SECRET-KEY-1...) opens.

        A confined process opens the rows and gives aggregates; the identity is kept nowhere. A version is
        judged once by a set: asked again, the first answer comes and nothing runs. ``figures`` has ``failed``
        instead when the version could not score the rows, which counts against the budget as well.
        """
        return self.long(
            "judge_blind",
            principal,
            idempotency_key,
            {"name": name, "number": number},
            lambda actor: self._judge(name, number, identity, actor),
        )

    def rank_versions(
        self,
        model: str,
        stage: str,
        by: str = "blind.auc",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """The versions that may move to ``stage``, best first by a metric, and why the others may not.

        ``by`` is a metric of the manifest, or ``blind.`` and a figure of the newest blind set. All gates but
        approval must pass; of equals the older goes on.
        """
        return self.read(
            "rank_versions",
            principal,
            idempotency_key,
            lambda: rank(self.promoter, model, stage, by),
        )

    def _blind_sets(self) -> list[JSON]:
        found = []
        for each in self.registry.blind.all():
            results = [result.to_json() for result in self.registry.blind.results(each.name)]
            left = max(each.budget - len(results), 0)
            found.append(each.to_json() | {"left": left, "results": results})
        return found

    def _judge(self, name: str, number: str, identity: str, actor: str) -> JSON:
        blind = self.registry.blind.get(name)
        version = self.registry.versions.get(blind.model, number)
        with _ONE_AT_A_TIME:
            known = self.registry.blind.result(name, version.digest)
            if known is not None:
                return known.to_json()
            _refuse_maker(blind, version, actor)
            self.registry.blind.require_left(name)
            self.registry.versions.verify(version.digest)
            self.artifacts.verify(blind.artifact)
            return self._run(blind, version, sealed.identity_in(identity), actor)

    def _run(self, blind: BlindSet, version: VersionInfo, identity: str, actor: str) -> JSON:
        from tidegate.training.blind import FAILED, judge_blind

        found = judge_blind(
            self.artifacts.path(blind.artifact),
            self.artifacts.path(version.manifest["onnx"]),
            Contract.model_validate(version.manifest["contract"]),
            identity,
        )
        figures = {"failed": FAILED} if found.figures is None else found.figures.to_json()
        return self.registry.blind.keep(
            blind.name, version.digest, figures, found.confinement, principal=actor
        ).to_json()


def _refuse_maker(blind: BlindSet, version: VersionInfo, actor: str) -> None:
    """Nobody judges their own version, nor lets a set judge it whose rows its maker knows."""
    what = f"version {version.version} of {version.model}"
    if actor == version.created_by:
        raise PermissionDeniedError(f"{actor} registered {what} and can't judge it; somebody else must")
    if blind.created_by == version.created_by:
        raise PermissionDeniedError(
            f"{blind.created_by} registered {what} and added the blind set {blind.name}; "
            "it needs a set of somebody else"
        )
