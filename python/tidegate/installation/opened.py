"""An open home: its rooms put together, and the way of every verb: who may, and once per idempotency key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tidegate.access import ALLOWED, OWNER, Access, Principal, require
from tidegate.audit import Audit
from tidegate.errors import InvalidInputError
from tidegate.lineage import Lineage
from tidegate.promotion import Promoter, approvers
from tidegate.registry import Registry
from tidegate.serving import DeploymentFiles, Supervisor
from tidegate.settings import Settings
from tidegate.store import Home
from tidegate.store.canonical import check_digest
from tidegate.types import Clock, Publisher, utc_now

Actor = str | Principal | None
"""Who acts: a principal, the name of one, or None for the owner."""
JSON = dict[str, Any]
Answer = TypeVar("Answer")


class OpenHome:
    """A home that this process holds; close it, or use it as a context manager."""

    def __init__(self, home: Home, settings: Settings, *, clock: Clock = utc_now) -> None:
        self.home = home
        self.settings = settings
        self.clock = clock
        self._rights = ALLOWED | {"approve_version": approvers(settings)}
        self.database = home.database()
        try:
            self.artifacts = home.artifact_store()
            self.audit = Audit(self.database, home.audit_file, clock)
            self.graph = Lineage(self.database, clock)
            self.access = Access(self.database, self.audit, home.pepper(), clock)
            self.registry = Registry(self.database, self.artifacts, self.audit, self.graph, clock)
            self.promoter = Promoter(self.registry, settings)
        except BaseException:
            self.database.close()
            raise
        self.serving: Supervisor | None = None
        """The scoring process, in the process that supervises one."""
        self.rolling = threading.RLock()
        """Held from the making of a deployment until it is live or taken back."""

    @property
    def publisher(self) -> Publisher:
        """Who brings deployments to scoring; without a server it only writes the file for the next one."""
        return self.serving if self.serving is not None else DeploymentFiles(self.home.deployments)

    def close(self) -> None:
        """Closes the registry and gives the lock back."""
        self.database.close()
        self.home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def allowed(self, verb: str, principal: Actor) -> str:
        """The name of who acts, if they may do ``verb``; :class:`PermissionDeniedError` otherwise."""
        actor = principal if isinstance(principal, Principal) else self.access.principal(principal or OWNER)
        require(actor, verb, self._rights)
        return actor.name

    def read(self, verb: str, principal: Actor, key: str | None, run: Callable[[], Answer]) -> Answer:
        """Runs what changes nothing, or nothing more the second time; the key needs no keeping."""
        del key
        self.allowed(verb, principal)
        return run()

    def once(
        self, verb: str, principal: Actor, key: str | None, request: JSON, run: Callable[[str], JSON]
    ) -> JSON:
        """Runs ``run`` with the actor's name; its changes and its kept answer are one transaction."""
        actor = self.allowed(verb, principal)
        answer: JSON = self.registry.idempotency.once(actor, key, verb, request, lambda: run(actor))
        return answer

    def long(
        self, verb: str, principal: Actor, key: str | None, request: JSON, run: Callable[[str], JSON]
    ) -> JSON:
        """The same for what waits for another process: the answer is kept after the work."""
        actor = self.allowed(verb, principal)
        if key is None:
            return run(actor)
        known = self.registry.idempotency.replay(actor, key, verb, request)
        if known is not None:
            answer: JSON = known["response"]
            return answer
        response = run(actor)
        self.registry.idempotency.remember(actor, key, verb, request, response)
        return response

    def artifact(self, source: str | Path) -> str:
        """The digest of an artifact that is named by it, or of a file that is stored first."""
        if isinstance(source, str) and source.startswith("sha256:"):
            self.artifacts.path(check_digest(source))
            return source
        path = Path(source)
        if not path.is_file():
            raise InvalidInputError(f"there is no file {path}")
        return self.artifacts.put(path)
