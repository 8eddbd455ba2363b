"""All verbs over one open home: who may, once per idempotency key, and what comes back as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

from tidegate.installation import evidence, intake, keys, probing, traffic
from tidegate.installation.alarming import Alarming
from tidegate.installation.blinding import Blinding
from tidegate.installation.governance import Governance
from tidegate.installation.keeping import Keeping
from tidegate.installation.loadings import Loadings
from tidegate.installation.opened import JSON, Actor
from tidegate.installation.retraining import Retraining
from tidegate.installation.staging import Staging
from tidegate.installation.steering import Steering
from tidegate.types import Contract, Signature


class Installation(Alarming, Blinding, Governance, Keeping, Loadings, Retraining, Staging, Steering):
    """A home that this process holds; close it, or use it as a context manager.

    Every verb takes ``principal`` (default: the owner) and ``idempotency_key``: the same request again under
    the key gets the same answer for a day. Verbs that name a file take a path or the digest of an artifact.
    """

    def status(self, *, principal: Actor = None, idempotency_key: str | None = None) -> JSON:
        """What is here and what runs."""
        return self.read("status", principal, idempotency_key, lambda: evidence.status(self))

    def create_model(
        self,
        name: str,
        description: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Names a line of versions that answer the same question."""
        request = {"name": name, "description": description}
        return self.once(
            "create_model",
            principal,
            idempotency_key,
            request,
            lambda actor: self.registry.models.create(name, description, principal=actor).to_json(),
        )

    def list_models(self, *, principal: Actor = None, idempotency_key: str | None = None) -> list[JSON]:
        """All models by name."""
        return self.read(
            "list_models",
            principal,
            idempotency_key,
            lambda: [found.to_json() for found in self.registry.models.all()],
        )

    def get_model(self, name: str, *, principal: Actor = None, idempotency_key: str | None = None) -> JSON:
        """One model."""
        return self.read(
            "get_model", principal, idempotency_key, lambda: self.registry.models.get(name).to_json()
        )

    def put_artifact(
        self, data: bytes | Path, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> JSON:
        """Stores bytes, or the file at a path, under their digest. Repeating it changes nothing."""
        return self.read(
            "put_artifact", principal, idempotency_key, lambda: {"digest": self.artifacts.put(data)}
        )

    def register_dataset(
        self,
        name: str,
        source: str | Path,
        time_column: str | None = None,
        origin: JSON | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Registers a Parquet file (a path or an artifact's digest) as the next version of a dataset."""
        self.allowed("register_dataset", principal)
        digest = self.artifact(source)
        request = {"name": name, "digest": digest, "time_column": time_column, "origin": origin}
        return self.once(
            "register_dataset",
            principal,
            idempotency_key,
            request,
            lambda actor: self.registry.datasets.register(
                name, digest, principal=actor, time_column=time_column, origin=origin
            ).to_json(),
        )

    def list_datasets(self, *, principal: Actor = None, idempotency_key: str | None = None) -> list[JSON]:
        """All versions of all datasets."""
        return self.read(
            "list_datasets",
            principal,
            idempotency_key,
            lambda: [found.to_json() for found in self.registry.datasets.all()],
        )

    def register_version(
        self,
        model: str,
        onnx: str,
        *,
        signature: Signature | JSON,
        contract: Contract | JSON,
        profile: str | None = None,
        dataset: str | None = None,
        recipe: JSON | None = None,
        code: JSON | None = None,
        metrics: JSON | None = None,
        conversion: JSON | None = None,
        parent: str | None = None,
        description: str = "",
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Gives a model its next version; ``onnx`` and ``profile`` are digests of artifacts.

        ``dataset`` is the digest of a registered dataset, ``parent`` the number or digest of a version.
        """
        facts: JSON = {
            "model": model,
            "onnx": onnx,
            "signature": intake.validated(Signature, signature),
            "contract": intake.validated(Contract, contract),
            "profile": profile,
            "dataset": dataset,
            "recipe": recipe or {},
            "code": code or {},
            "metrics": metrics or {},
            "conversion": conversion or {},
            "parent": parent,
            "description": description,
        }
        return self.once(
            "register_version",
            principal,
            idempotency_key,
            facts | {name: facts[name].to_json() for name in ("signature", "contract")},
            lambda actor: self.registry.versions.register(
                **facts, principal=actor, stage=self.settings.stages.names[0]
            ).to_json(),
        )

    def register_model_file(
        self,
        model: str,
        onnx: str | Path,
        reference: str | Path | None = None,
        description: str = "",
        *,
        columns: list[str] | None = None,
        threshold: float = 0.5,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Registers a bare ONNX file, probed in a process of its own and profiled against reference rows.

        ``reference`` is Parquet or CSV with the model's inputs as columns; ``columns`` names the features of
        a matrix input in order; a score above ``threshold`` decides for the positive class.
        """
        self.allowed("register_version", principal)
        file = intake.ModelFile(
            model=model,
            onnx=self.artifact(onnx),
            reference=None if reference is None else self.artifact(reference),
            columns=columns,
            threshold=threshold,
            description=description,
            name=Path(onnx).name,
        )
        return self.long(
            "register_version",
            principal,
            idempotency_key,
            asdict(file),
            lambda actor: intake.register_file(self, file, actor),
        )

    def list_versions(
        self, model: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> list[JSON]:
        """A model's versions, oldest first."""
        return self.read(
            "list_versions",
            principal,
            idempotency_key,
            lambda: [found.to_json() for found in self.registry.versions.all(model)],
        )

    def get_version(
        self, model: str, number: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> JSON:
        """One version with its manifest; ``probe`` is the report of its first loading, or None before it.

        The report says which engine serves it and why, what it costs, and whether it ``counts``: it is good,
        and of this program and runtime.
        """

        def run() -> JSON:
            found = self.registry.versions.get(model, number)
            return found.to_json() | {"probe": probing.shown(self, found)}

        return self.read("get_version", principal, idempotency_key, run)

    def create_endpoint(
        self,
        name: str,
        model: str,
        version: str | None = None,
        contract: Contract | JSON | None = None,
        context: list[JSON] | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Opens the name that clients call; no version answers until :meth:`set_traffic` says so.

        The contract is ``contract``, else that of ``version`` (default: the newest), with the columns of
        ``context`` (``name``, ``datatype``, ``role``) added.
        """
        request: JSON = {
            "name": name,
            "model": model,
            "version": version,
            "contract": contract.to_json() if isinstance(contract, Contract) else contract,
            "context": context,
        }
        return self.once(
            "create_endpoint",
            principal,
            idempotency_key,
            request,
            lambda actor: traffic.create_endpoint(self, **request, actor=actor),
        )

    def list_endpoints(self, *, principal: Actor = None, idempotency_key: str | None = None) -> list[JSON]:
        """All endpoints by name."""
        return self.read(
            "list_endpoints",
            principal,
            idempotency_key,
            lambda: [found.to_json() for found in self.registry.endpoints.all()],
        )

    def get_endpoint(self, name: str, *, principal: Actor = None, idempotency_key: str | None = None) -> JSON:
        """One endpoint with its contract."""
        return self.read(
            "get_endpoint",
            principal,
            idempotency_key,
            lambda: self.registry.endpoints.get(name).to_json(),
        )

    def set_traffic(
        self,
        endpoint: str,
        weights: dict[str, float],
        shadows: list[str] | None = None,
        reason: str = "",
        mirror: bool = False,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Divides an endpoint's requests over versions by weight; shadows are scored and never answer.

        With ``mirror`` each version that answers is also scored on what the others answer, so that all can be
        compared on the same rows; the log has these rows under the role ``mirror``, drift counters have not.
        Returns when the scoring process serves the plan. When it can't, the plan before is live again and the
        error says why.
        """
        request: JSON = {
            "endpoint": endpoint,
            "weights": weights,
            "shadows": shadows or [],
            "reason": reason,
            "mirror": mirror,
        }
        return self.long(
            "set_traffic",
            principal,
            idempotency_key,
            request,
            lambda actor: traffic.set_traffic(self, **request, actor=actor),
        )

    def get_traffic(
        self, endpoint: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> JSON:
        """Who answers an endpoint's requests now."""
        return self.read(
            "get_traffic", principal, idempotency_key, lambda: traffic.get_traffic(self, endpoint)
        )

    def drift(
        self,
        endpoint: str,
        since: str | None = None,
        keep: bool = False,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """How far what was scored is from the reference, per version and feature.

        With ``keep`` the counts are stored and the answer names them as ``snapshot``; ``since`` is such a
        snapshot, and what was counted before it is left out. ``alarms`` are the verdicts on all closed panes
        (:func:`tidegate.monitoring.alarms.alarms`), whatever ``since`` says: the chance of any false alarm on
        a variant within 1000 panes is at most 1 %.
        """
        return self.read(
            "drift", principal, idempotency_key, lambda: evidence.drift(self, endpoint, since, keep=keep)
        )

    def performance(
        self,
        endpoint: str,
        by: Literal["month", "week", "day"] = "month",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """How good the answers were, by period of event time and version, of those that have labels."""
        return self.read(
            "performance", principal, idempotency_key, lambda: evidence.performance(self, endpoint, by)
        )

    def lineage(
        self, prediction_id: str, *, principal: Actor = None, idempotency_key: str | None = None
    ) -> JSON:
        """From a prediction to the plan that chose its version, and its dataset, recipe and code."""
        return self.read("lineage", principal, idempotency_key, lambda: evidence.lineage(self, prediction_id))

    def audit_verify(self, *, principal: Actor = None, idempotency_key: str | None = None) -> JSON:
        """Follows the audit trail and names the first entry that is not what it was."""
        return self.read("audit_verify", principal, idempotency_key, self.audit.verify)

    def create_key(
        self,
        name: str,
        role: str | None = None,
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Issues an API key of ``name``, who is made with ``role`` when new; it is shown this once."""
        return keys.create(self, name, role, self.allowed("create_key", principal), idempotency_key)

    def list_keys(self, *, principal: Actor = None, idempotency_key: str | None = None) -> list[JSON]:
        """All keys without their secrets."""
        return self.read(
            "list_keys",
            principal,
            idempotency_key,
            lambda: [found.to_json() for found in self.access.keys()],  # noqa: SIM118 -- no mapping
        )

    def revoke_key(
        self,
        id: str,  # noqa: A002 -- what list_keys calls it
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Ends a key at once."""
        return self.once(
            "revoke_key",
            principal,
            idempotency_key,
            {"id": id},
            lambda actor: self.access.revoke_key(id, principal=actor).to_json(),
        )
