"""Who may do what: principals with roles, API keys, and one table of verbs; what it lacks is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import string
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tidegate.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from tidegate.store.canonical import timestamp
from tidegate.store.connection import Database, Row
from tidegate.types import Clock, KeyInfo, Recorder, Value, utc_now

OWNER = "owner"
"""The principal that ``tidegate init`` makes, and as which an embedded installation acts."""
LOCAL = "local"
"""The principal of requests without a key on the scoring port."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY_LENGTH = 10
_SECRET_LENGTH = 43  # 62^43 > 2^256
_TOKEN = re.compile(rf"tg_([0-9A-Za-z]{{{_KEY_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


class Role(StrEnum):
    """What a principal is in the house; one can be several."""

    DATA_ADMINISTRATOR = "data_administrator"
    DATA_STEWARD = "data_steward"
    DATA_ENGINEER = "data_engineer"
    DATA_SCIENTIST = "data_scientist"
    MODEL_VALIDATOR = "model_validator"
    BUSINESS_ANALYST = "business_analyst"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SCORING_CLIENT = "scoring_client"
    RETRAINING_WORKER = "retraining_worker"
    ADMINISTRATOR = "administrator"


_OWNER_ROLES = (
    Role.ADMINISTRATOR,
    Role.DATA_ADMINISTRATOR,
    Role.DATA_ENGINEER,
    Role.DATA_SCIENTIST,
    Role.OPERATOR,
)
_DATA = frozenset({Role.DATA_ADMINISTRATOR, Role.DATA_STEWARD, Role.DATA_ENGINEER, Role.DATA_SCIENTIST})
_READERS = frozenset(Role) - {Role.SCORING_CLIENT}
_BUILDERS = frozenset({Role.DATA_SCIENTIST, Role.OPERATOR, Role.RETRAINING_WORKER})
_SCORERS = frozenset({Role.SCORING_CLIENT, Role.DATA_SCIENTIST, Role.OPERATOR})
_ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})

ALLOWED: dict[str, frozenset[Role]] = {
    "score": _SCORERS,
    "pin": frozenset({Role.OPERATOR}),
    "feedback": _SCORERS | {Role.RETRAINING_WORKER},
    "look": frozenset(Role),
    "status": _READERS,
    "create_model": frozenset({Role.DATA_SCIENTIST, Role.OPERATOR}),
    "list_models": _READERS,
    "get_model": _READERS,
    "put_artifact": _BUILDERS | _DATA | {Role.MODEL_VALIDATOR},
    "get_artifact": _BUILDERS | _DATA,
    "register_dataset": _DATA | {Role.RETRAINING_WORKER},
    "list_datasets": _READERS,
    "get_dataset": _READERS,
    "train": frozenset({Role.DATA_SCIENTIST, Role.OPERATOR, Role.RETRAINING_WORKER}),
    "register_version": _BUILDERS,
    "list_versions": _READERS,
    "get_version": _READERS,
    "probe_version": _BUILDERS | {Role.OPERATOR},
    "release_version": frozenset({Role.OPERATOR}),
    "promote_version": frozenset({Role.OPERATOR}),
    "approve_version": frozenset({Role.MODEL_VALIDATOR}),
    "version_gates": _READERS,
    "add_blind_set": frozenset({Role.MODEL_VALIDATOR}),
    "list_blind_sets": _READERS,
    "judge_blind": frozenset({Role.MODEL_VALIDATOR}),
    "get_sealed_artifact": frozenset({Role.MODEL_VALIDATOR}),
    "rank_versions": _READERS,
    "retire_version": frozenset({Role.OPERATOR}),
    "as_of": _READERS,
    "create_endpoint": frozenset({Role.OPERATOR}),
    "list_endpoints": _READERS,
    "get_endpoint": _READERS,
    "set_traffic": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "get_traffic": _READERS,
    "set_rules": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "set_log": frozenset({Role.OPERATOR, Role.DATA_STEWARD, Role.ADMINISTRATOR}),
    "get_log": _READERS,
    "undo_traffic": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "set_policy": frozenset({Role.OPERATOR}),
    "get_policy": _READERS,
    "challenge": frozenset({Role.OPERATOR}),
    "steer": frozenset({Role.OPERATOR}),
    "list_decisions": _READERS,
    "why": _READERS,
    "list_deployments": _READERS,
    "drift": _READERS,
    "check_drift": frozenset({Role.OPERATOR, Role.RETRAINING_WORKER}),
    "list_alarms": _READERS,
    "retrain": _BUILDERS,
    "list_retrainings": _READERS,
    "diagnose": _READERS,
    "performance": _READERS,
    "lineage": _READERS,
    "audit_verify": frozenset({Role.MODEL_VALIDATOR, Role.AUDITOR, Role.ADMINISTRATOR}),
    "list_audit": frozenset({Role.MODEL_VALIDATOR, Role.AUDITOR, Role.ADMINISTRATOR}),
    "create_key": _ADMINISTRATORS,
    "list_keys": _ADMINISTRATORS,
    "revoke_key": _ADMINISTRATORS,
    "list_principals": _ADMINISTRATORS,
}
"""Verb to the roles that may do it."""

SCORING_RIGHTS = ("look", "score", "pin", "feedback")
"""The verbs of the scoring port."""


class Principal(Value):
    """Somebody who acts: a name and its roles."""

    name: str
    roles: frozenset[Role]


def require(principal: Principal, verb: str, table: Mapping[str, frozenset[Role]] = ALLOWED) -> None:
    """Raises :class:`PermissionDeniedError` unless one of the principal's roles may do ``verb``."""
    allowed = table.get(verb, frozenset())
    if not principal.roles & allowed:
        needed = ", ".join(sorted(allowed)) or "nobody"
        has = ", ".join(sorted(principal.roles)) or "none"
        raise PermissionDeniedError(f"{principal.name} may not {verb}: it needs {needed}; it has {has}")


class Access:
    """The principals and keys of a home."""

    def __init__(self, database: Database, audit: Recorder, pepper: bytes, clock: Clock = utc_now) -> None:
        self._database = database
        self._audit = audit
        self._pepper = pepper
        self._clock = clock
        self.on_change: Callable[[], None] = _nothing
        """Called after principals or keys have changed."""

    def found(self) -> str:
        """Makes ``owner`` and ``local`` in a new home and returns the owner's key, which does not expire."""
        with self._database.transaction():
            self.create_principal(OWNER, _OWNER_ROLES, principal=OWNER)
            self.create_principal(LOCAL, [Role.SCORING_CLIENT], principal=OWNER)
            return self._issue(OWNER, None, OWNER)

    def create_principal(self, name: str, roles: Iterable[str], *, principal: str) -> Principal:
        """Names somebody and gives roles; a name that exists is a :class:`ConflictError`."""
        if not _NAME.fullmatch(name):
            raise InvalidInputError(f"not a principal's name: {name!r}; expected {_NAME.pattern}")
        given = sorted({parse_role(role) for role in roles})
        if not given:
            raise InvalidInputError(f"the principal {name} needs a role; there are {', '.join(Role)}")
        with self._database.transaction() as transaction:
            if self._find(name) is not None:
                raise ConflictError(f"the principal {name} exists already")
            transaction.insert(
                "principals",
                {"name": name, "roles": given, "created_at": self._now(), "created_by": principal},
            )
            self._audit.append(principal, "create_principal", f"principal:{name}", {"roles": given})
            transaction.after_commit(self._changed)
        return Principal(name=name, roles=frozenset(given))

    def principal(self, name: str) -> Principal:
        """The principal of that name."""
        found = self._find(name)
        if found is None:
            raise NotFoundError(f"there is no principal {name!r}")
        return found

    def principals(self) -> list[Principal]:
        """All principals by name."""
        return [_principal(row) for row in self._database.query("SELECT * FROM principals ORDER BY name")]

    def create_key(
        self,
        name: str,
        role: str | None = None,
        *,
        principal: str,
        lifetime: timedelta | None = timedelta(days=90),
    ) -> str:
        """Issues a key of the principal ``name``, who is made with ``role`` when there is none yet.

        Returns the key, which is shown this once. ``lifetime`` None means that it does not expire.
        A principal that has other roles than ``role`` is a :class:`ConflictError`.
        """
        with self._database.transaction():
            found = self._find(name)
            if found is None:
                if role is None:
                    raise NotFoundError(f"there is no principal {name!r}; name a role to make it")
                self.create_principal(name, [role], principal=principal)
            elif role is not None and parse_role(role) not in found.roles:
                raise ConflictError(f"the principal {name} is {', '.join(sorted(found.roles))}, not {role}")
            return self._issue(name, lifetime, principal)

    def _issue(self, name: str, lifetime: timedelta | None, actor: str) -> str:
        identity, secret = _random(_KEY_LENGTH), _random(_SECRET_LENGTH)
        now = self._clock()
        expires = None if lifetime is None else timestamp(now + lifetime)
        with self._database.transaction() as transaction:
            transaction.insert(
                "keys",
                {
                    "id": identity,
                    "principal": name,
                    "mac": self._mac(secret),
                    "created_at": timestamp(now),
                    "created_by": actor,
                    "expires_at": expires,
                    "revoked_at": None,
                },
            )
            self._audit.append(
                actor, "create_key", f"key:{identity}", {"principal": name, "expires": expires}
            )
            transaction.after_commit(self._changed)
        return f"tg_{identity}_{secret}"

    def revoke_key(self, identity: str, *, principal: str) -> KeyInfo:
        """Ends a key at once; one that is ended already stays so."""
        with self._database.transaction() as transaction:
            row = self._database.one("SELECT * FROM keys WHERE id = ?", [identity])
            if row is None:
                raise NotFoundError(f"there is no key {identity!r}")
            if row["revoked_at"] is None:
                row["revoked_at"] = self._now()
                transaction.execute(
                    "UPDATE keys SET revoked_at = ? WHERE id = ?", [row["revoked_at"], identity]
                )
                self._audit.append(
                    principal, "revoke_key", f"key:{identity}", {"principal": row["principal"]}
                )
                transaction.after_commit(self._changed)
        return _key(row)

    def keys(self) -> list[KeyInfo]:
        """All keys without their secrets, oldest first."""
        return [_key(row) for row in self._database.query("SELECT * FROM keys ORDER BY created_at, id")]

    def authenticate(self, token: str) -> Principal:
        """The principal of a key; :class:`UnauthenticatedError`, always the same, for one that is no good."""
        match = _TOKEN.fullmatch(token)
        identity, secret = match.groups() if match else ("", "")
        row = self._database.one(
            "SELECT keys.*, principals.name, principals.roles FROM keys "
            "JOIN principals ON principals.name = keys.principal WHERE keys.id = ?",
            [identity],
        )
        # The comparison is made for unknown keys too, so that its time tells nothing.
        genuine = hmac.compare_digest(self._mac(secret), row["mac"] if row else self._mac(""))
        if row is None or not genuine or not self._in_force(row):
            raise UnauthenticatedError("no valid key was given")
        return _principal(row)

    def scoring_table(self) -> dict[str, Any]:
        """What scoring knows keys by, without secrets and revoked keys, and who may do what there."""
        principals = [
            {
                "name": principal.name,
                "rights": [verb for verb in SCORING_RIGHTS if principal.roles & ALLOWED[verb]],
            }
            for principal in self.principals()
        ]
        rows = self._database.query(
            "SELECT id, mac, principal, expires_at FROM keys WHERE revoked_at IS NULL ORDER BY id"
        )
        keys = [row | {"expires_at": _unix_seconds(row["expires_at"])} for row in rows]
        return {"format": 1, "principals": principals, "keys": keys}

    def _changed(self) -> None:
        self.on_change()

    def _in_force(self, row: Row) -> bool:
        return row["revoked_at"] is None and (row["expires_at"] is None or row["expires_at"] > self._now())

    def _mac(self, secret: str) -> str:
        return hmac.new(self._pepper, secret.encode(), hashlib.sha256).hexdigest()

    def _find(self, name: str) -> Principal | None:
        row = self._database.one("SELECT * FROM principals WHERE name = ?", [name])
        return None if row is None else _principal(row)

    def _now(self) -> str:
        return timestamp(self._clock())


def is_node(token: str, node_key: str) -> bool:
    """Whether a scoring process showed the node key; compared in constant time."""
    return hmac.compare_digest(token.encode(), node_key.encode())


def parse_role(name: str) -> Role:
    """The role of that name; :class:`InvalidInputError` names all of them."""
    try:
        return Role(name)
    except ValueError as error:
        raise InvalidInputError(f"there is no role {name!r}; there are {', '.join(Role)}") from error


def _nothing() -> None:
    return


def _unix_seconds(moment: str | None) -> int | None:
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp())


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _principal(row: Row) -> Principal:
    return Principal(name=row["name"], roles=frozenset(Role(role) for role in json.loads(row["roles"])))


def _key(row: Row) -> KeyInfo:
    return KeyInfo.model_validate({name: value for name, value in row.items() if name != "mac"})
