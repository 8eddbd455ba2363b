"""The client of a running server: every management verb, and scoring and feedback on the data port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tidegate.client.alarming import Alarming
from tidegate.client.blinding import Blinding
from tidegate.client.governance import Governance
from tidegate.client.keeping import Keeping
from tidegate.client.loadings import Loadings
from tidegate.client.records import microseconds, plain
from tidegate.client.retraining import Retraining
from tidegate.client.server import locate
from tidegate.client.steering import Steering
from tidegate.client.transport import Transport
from tidegate.errors import InvalidInputError

JSON = dict[str, Any]


class Client(Alarming, Blinding, Governance, Keeping, Loadings, Retraining, Steering):
    """Talks to a server over its management API and its data port.

    ``url`` and ``key`` default to ``TIDEGATE_URL`` and ``TIDEGATE_KEY``, then to the server that
    ``server.json`` of ``home`` names, with that home's owner key. ``data_url`` defaults to what the server
    says. The verbs are those of :class:`tidegate.Installation` and answer the same JSON; the principal is the
    key's. Errors are raised as the classes of :mod:`tidegate.errors`. Nothing is repeated: pass an
    ``idempotency_key`` to repeat a call safely yourself.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        home: str | Path | None = None,
        *,
        data_url: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        server = locate(url, key, home, data_url)
        self.url = server.url
        self._key, self._timeout = server.key, timeout
        self._control = Transport(server.url, server.key, timeout)
        self._data_url = server.data_url
        self._data: Transport | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._control.close()
        if self._data is not None:
            self._data.close()

    # The data port

    def score(
        self,
        endpoint: str,
        records: Iterable[Mapping[str, Any]] | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
        *,
        routing_key: str | None = None,
        event_time: datetime | int | None = None,
        id: str | None = None,  # noqa: A002 -- the protocol's name
    ) -> JSON:
        """Scores rows, given one by one or by column.

        NaN travels as null (missing). ``event_time`` is a time with a zone, or microseconds since 1970 UTC.
        Answers ``prediction_id``, ``version`` and one member of ``predictions`` per row.
        """
        if (records is None) == (columns is None):
            raise InvalidInputError("score takes either records or columns")
        body: JSON = {} if columns is None else {"columns": plain(columns, "columns")}
        if records is not None:
            body["records"] = [plain(record, f"records[{row}]") for row, record in enumerate(records)]
        if routing_key is not None:
            body["routing_key"] = routing_key
        if event_time is not None:
            body["event_time"] = microseconds(event_time)
        if id is not None:
            body["id"] = id
        found: JSON = self._port().request(
            "POST", f"/v1/endpoints/{quote(endpoint, safe='')}/score", json=body
        )
        return found

    def feedback(self, labels: Iterable[Mapping[str, Any]], *, endpoint: str | None = None) -> JSON:
        """Tells what happened: each label has ``prediction_id``, ``row`` (0 by default) and ``label``.

        ``event_id`` makes a label that is sent twice count once. Durable when it returns; answers how many
        were ``accepted``.
        """
        body: JSON = {"labels": [plain(label, f"labels[{row}]") for row, label in enumerate(labels)]}
        if endpoint is not None:
            body["endpoint"] = endpoint
        found: JSON = self._port().request("POST", "/v1/feedback", json=body)
        return found

    # The verbs, as Installation has them

    def status(self, *, idempotency_key: str | None = None) -> JSON:
        """What runs here."""
        return self._call("status", {}, idempotency_key)

    def create_model(self, name: str, description: str = "", *, idempotency_key: str | None = None) -> JSON:
        """Names a line of versions."""
        return self._call("create_model", {"name": name, "description": description}, idempotency_key)

    def list_models(self, *, idempotency_key: str | None = None) -> list[JSON]:
        """All models by name."""
        return self._list("list_models", {}, idempotency_key)

    def get_model(self, name: str, *, idempotency_key: str | None = None) -> JSON:
        """One model."""
        return self._call("get_model", {"name": name}, idempotency_key)

    def put_artifact(self, data: bytes, *, idempotency_key: str | None = None) -> JSON:
        """Stores bytes under their digest."""
        return self._call("put_artifact", {"data": data}, idempotency_key)

    def register_dataset(
        self,
        name: str,
        source: str | Path,
        time_column: str | None = None,
        origin: JSON | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Registers a Parquet file (it is uploaded) or an artifact as a dataset's next version."""
        arguments = {"name": name, "source": source, "time_column": time_column, "origin": origin}
        return self._call("register_dataset", arguments, idempotency_key)

    def list_datasets(self, *, idempotency_key: str | None = None) -> list[JSON]:
        """All versions of all datasets."""
        return self._list("list_datasets", {}, idempotency_key)

    def register_version(
        self,
        model: str,
        onnx: str,
        *,
        signature: JSON,
        contract: JSON,
        profile: str | None = None,
        dataset: str | None = None,
        recipe: JSON | None = None,
        code: JSON | None = None,
        metrics: JSON | None = None,
        conversion: JSON | None = None,
        parent: str | None = None,
        description: str = "",
        idempotency_key: str | None = None,
    ) -> JSON:
        """Registers what was trained elsewhere; ``onnx`` and ``profile`` are digests of artifacts."""
        arguments = {
            "model": model,
            "onnx": onnx,
            "signature": signature,
            "contract": contract,
            "profile": profile,
            "dataset": dataset,
            "recipe": recipe,
            "code": code,
            "metrics": metrics,
            "conversion": conversion,
            "parent": parent,
            "description": description,
        }
        return self._call("register_version", arguments, idempotency_key)

    def register_model_file(
        self,
        model: str,
        onnx: str | Path,
        reference: str | Path | None = None,
        description: str = "",
        *,
        columns: list[str] | None = None,
        threshold: float = 0.5,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Registers a bare ONNX file (it is uploaded, probed and profiled against the ``reference`` rows)."""
        arguments = {
            "model": model,
            "onnx": onnx,
            "reference": reference,
            "description": description,
            "columns": columns,
            "threshold": threshold,
        }
        return self._call("register_model_file", arguments, idempotency_key)

    def list_versions(self, model: str, *, idempotency_key: str | None = None) -> list[JSON]:
        """All versions of a model."""
        return self._list("list_versions", {"model": model}, idempotency_key)

    def get_version(self, model: str, number: str, *, idempotency_key: str | None = None) -> JSON:
        """One version with its manifest, and the report of its first loading."""
        return self._call("get_version", {"model": model, "number": number}, idempotency_key)

    def promote_version(
        self, model: str, number: str, stage: str, reason: str = "", *, idempotency_key: str | None = None
    ) -> JSON:
        """Moves a version to another stage, if its gates pass."""
        arguments = {"model": model, "number": number, "stage": stage, "reason": reason}
        return self._call("promote_version", arguments, idempotency_key)

    def approve_version(
        self, model: str, number: str, stage: str, reason: str = "", *, idempotency_key: str | None = None
    ) -> JSON:
        """Approves a version's digest for a stage; whoever registered it can't."""
        arguments = {"model": model, "number": number, "stage": stage, "reason": reason}
        return self._call("approve_version", arguments, idempotency_key)

    def version_gates(
        self, model: str, number: str, stage: str | None = None, *, idempotency_key: str | None = None
    ) -> JSON:
        """What passed and what is missing for a version's moves, or for the one to ``stage``."""
        arguments = {"model": model, "number": number, "stage": stage}
        return self._call("version_gates", arguments, idempotency_key)

    def create_endpoint(
        self,
        name: str,
        model: str,
        version: str | None = None,
        contract: JSON | None = None,
        context: list[JSON] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Names what clients call; the contract comes from ``version`` unless it is given."""
        arguments = {
            "name": name,
            "model": model,
            "version": version,
            "contract": contract,
            "context": context,
        }
        return self._call("create_endpoint", arguments, idempotency_key)

    def list_endpoints(self, *, idempotency_key: str | None = None) -> list[JSON]:
        """All endpoints by name."""
        return self._list("list_endpoints", {}, idempotency_key)

    def get_endpoint(self, name: str, *, idempotency_key: str | None = None) -> JSON:
        """One endpoint with its contract."""
        return self._call("get_endpoint", {"name": name}, idempotency_key)

    def set_traffic(
        self,
        endpoint: str,
        weights: dict[str, float],
        shadows: list[str] | None = None,
        reason: str = "",
        mirror: bool = False,
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Divides an endpoint's requests over versions; returns when the scoring process serves the plan."""
        arguments = {
            "endpoint": endpoint,
            "weights": weights,
            "shadows": shadows,
            "reason": reason,
            "mirror": mirror,
        }
        return self._call("set_traffic", arguments, idempotency_key)

    def get_traffic(self, endpoint: str, *, idempotency_key: str | None = None) -> JSON:
        """Who answers an endpoint's requests now."""
        return self._call("get_traffic", {"endpoint": endpoint}, idempotency_key)

    def drift(
        self,
        endpoint: str,
        since: str | None = None,
        keep: bool = False,
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """How far what was scored is from the reference, since the snapshot ``since`` if one is named."""
        arguments = {"endpoint": endpoint, "since": since, "keep": keep}
        return self._call("drift", arguments, idempotency_key)

    def performance(
        self,
        endpoint: str,
        by: Literal["month", "week", "day"] = "month",
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """How good the predictions were, of those with labels."""
        return self._call("performance", {"endpoint": endpoint, "by": by}, idempotency_key)

    def lineage(self, prediction_id: str, *, idempotency_key: str | None = None) -> JSON:
        """From a prediction to its version, dataset, recipe and code."""
        return self._call("lineage", {"prediction_id": prediction_id}, idempotency_key)

    def audit_verify(self, *, idempotency_key: str | None = None) -> JSON:
        """Whether the audit trail is whole."""
        return self._call("audit_verify", {}, idempotency_key)

    def create_key(self, name: str, role: str | None = None, *, idempotency_key: str | None = None) -> JSON:
        """Issues an API key of ``name``; it is shown this once."""
        return self._call("create_key", {"name": name, "role": role}, idempotency_key)

    def list_keys(self, *, idempotency_key: str | None = None) -> list[JSON]:
        """All keys without their secrets."""
        return self._list("list_keys", {}, idempotency_key)

    def revoke_key(
        self,
        id: str,  # noqa: A002 -- what list_keys calls it
        *,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Ends a key at once."""
        return self._call("revoke_key", {"id": id}, idempotency_key)

    def _port(self) -> Transport:
        if self._data is None:
            if self._data_url is None:
                self._data_url = str(self._control.request("GET", "/v1/health")["data"])
            self._data = Transport(self._data_url, self._key, self._timeout)
        return self._data
