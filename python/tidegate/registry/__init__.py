"""What exists, by name and number: models, datasets, versions, stages, endpoints, deployments, segments."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tidegate.registry.alarms import Alarms
from tidegate.registry.blind import Blind
from tidegate.registry.datasets import Datasets
from tidegate.registry.decisions import Decisions
from tidegate.registry.deployments import Deployments
from tidegate.registry.endpoints import Endpoints
from tidegate.registry.idempotency import Idempotency
from tidegate.registry.ledger import Ledger
from tidegate.registry.log_policies import LogPolicies
from tidegate.registry.models import Models
from tidegate.registry.policies import Policies
from tidegate.registry.quarantines import Quarantines
from tidegate.registry.retrainings import Retrainings
from tidegate.registry.segments import Segments
from tidegate.registry.stages import Stages
from tidegate.registry.versions import Versions
from tidegate.store import ArtifactStore, Database
from tidegate.store.connection import Transaction
from tidegate.types import Clock, EdgeWriter, Recorder, utc_now

__all__ = ["Registry"]


class Registry:
    """The registry of a home; every change names its principal and leaves an audit entry with it."""

    def __init__(
        self,
        database: Database,
        artifacts: ArtifactStore,
        audit: Recorder,
        lineage: EdgeWriter,
        clock: Clock = utc_now,
    ) -> None:
        ledger = Ledger(database, artifacts, audit, lineage, clock)
        self.models = Models(ledger)
        self.datasets = Datasets(ledger)
        self.versions = Versions(ledger)
        self.stages = Stages(ledger)
        self.endpoints = Endpoints(ledger)
        self.deployments = Deployments(ledger)
        self.policies = Policies(ledger)
        self.log_policies = LogPolicies(ledger)
        self.decisions = Decisions(ledger)
        self.segments = Segments(ledger)
        self.blind = Blind(ledger)
        self.alarms = Alarms(ledger)
        self.retrainings = Retrainings(ledger)
        self.quarantines = Quarantines(ledger)
        self.idempotency = Idempotency(ledger)
        self._database = database

    def transaction(self) -> AbstractContextManager[Transaction]:
        """What is read and changed inside is one: nobody else writes, and all of it is kept or none."""
        return self._database.transaction()
