"""The verbs of the prediction log: how much of it is kept, what is masked, and for how long."""

from __future__ import annotations

import secrets
from typing import Any

from tidegate import rollout
from tidegate.errors import InvalidInputError
from tidegate.installation import traffic
from tidegate.installation.intake import validated
from tidegate.installation.opened import JSON, Actor, OpenHome
from tidegate.store.canonical import timestamp
from tidegate.store.files import write_new
from tidegate.types import Contract, LogPolicy


class Keeping(OpenHome):
    """The part of an installation that says what of the predictions is kept."""

    def set_log(
        self,
        endpoint: str,
        policy: JSON,
        reason: str = "",
        *,
        principal: Actor = None,
        idempotency_key: str | None = None,
    ) -> JSON:
        """Says what of an endpoint's predictions is logged from now on; what is left out has its default.

        ``sample`` is the share of requests, chosen by the hash of the prediction id; ``mask`` has features
        and context columns (or ``key``, ``client_id``) with ``how`` ``drop``, ``hash`` (under the home's
        salt) or ``truncate`` with a ``length``. Sealed files older than ``retain_days``, and the oldest
        beyond ``retain_bytes``, are removed. Drift is counted on every row, as it came.
        """
        request: JSON = {"endpoint": endpoint, "policy": policy, "reason": reason}
        return self.long(
            "set_log",
            principal,
            idempotency_key,
            request,
            lambda actor: set_log(self, **request, actor=actor),
        )

    def get_log(self, endpoint: str, *, principal: Actor = None, idempotency_key: str | None = None) -> JSON:
        """What of an endpoint's predictions is logged."""
        return self.read("get_log", principal, idempotency_key, lambda: get_log(self, endpoint))


def get_log(opened: OpenHome, endpoint: str) -> JSON:
    """The policy that holds, every member filled in."""
    found = opened.registry.endpoints.get(endpoint)
    return {"endpoint": found.name, **opened.registry.log_policies.newest(found.id).to_json()}


def set_log(opened: OpenHome, *, endpoint: str, policy: JSON, reason: str, actor: str) -> JSON:
    """Keeps a policy and brings it to the scoring process; see :meth:`Keeping.set_log`."""
    wanted = validated(LogPolicy, policy)
    with opened.rolling:
        found = opened.registry.endpoints.get(endpoint)
        check(wanted, found.contract)
        if any(mask.how == "hash" for mask in wanted.mask) and not opened.home.mask_key_file.exists():
            write_new(opened.home.mask_key_file, secrets.token_hex(32).encode(), 0o600)
        before = opened.registry.deployments.document()
        entries = list((before or {}).get("endpoints", []))
        changed = [
            {**entry, "log": wanted.scored()} if entry["id"] == found.id else entry for entry in entries
        ]

        def keep() -> None:
            opened.registry.log_policies.set(found.id, wanted, principal=actor, reason=reason)

        if changed == entries:
            keep()
            return get_log(opened, endpoint)
        document = rollout.following(
            before, changed, timestamp(opened.clock()), opened.settings.default_endpoint
        )
        traffic.commit(opened, document, [], keep, reason=reason or "the prediction log", actor=actor)
    return get_log(opened, endpoint)


def check(policy: LogPolicy, contract: Contract) -> None:
    """Refuses masks of columns that are not there or whose type can't be masked so."""
    types: dict[str, Any] = {"key": "BYTES", "client_id": "BYTES"}
    types |= {column: spec.datatype for spec in contract.inputs for column in spec.columns}
    types |= {spec.name: spec.datatype for spec in contract.context}
    names = [mask.column for mask in policy.mask]
    for mask in policy.mask:
        if mask.column not in types:
            raise InvalidInputError(
                f"mask: there is no column {mask.column!r}; there are: {', '.join(sorted(types))}"
            )
        if names.count(mask.column) > 1:
            raise InvalidInputError(f"mask: column {mask.column!r} is masked twice")
        kind = types[mask.column]
        floating = kind in {"BOOL", "FP16", "FP32", "FP64"}
        if (mask.how == "truncate" and kind != "BYTES") or (mask.how == "hash" and floating):
            raise InvalidInputError(f"mask: column {mask.column!r} is {kind}; drop it instead")
        if (mask.how == "truncate") != (mask.length is not None):
            raise InvalidInputError(f"mask: column {mask.column!r} needs a length to truncate, and only then")
