"""What the registry has: models, datasets, versions, sealed log files, keys, arrows of lineage."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from tidegate.types.base import Value


class ModelInfo(Value):
    """A named line of versions that answer the same question."""

    name: str
    description: str = ""
    created_at: datetime
    created_by: str


class DatasetInfo(Value):
    """An immutable, content-addressed Parquet set."""

    name: str
    version: int
    digest: str
    rows: int
    columns: dict[str, str]
    """Column name to polars dtype."""
    time_column: str | None = None
    time_from: str | None = None
    time_to: str | None = None
    origin: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime
    created_by: str


class VersionInfo(Value):
    """One version: its digest binds everything that ``manifest`` names."""

    model: str
    version: str
    digest: str
    stage: str = "development"
    description: str = ""
    manifest: dict[str, Any]
    """What the digest binds, in RFC 8785 form: format, model, onnx, signature, contract, profile, dataset,
    recipe, code, metrics, conversion, parent."""
    created_at: datetime
    created_by: str


class SegmentInfo(Value):
    """A sealed spool file: what it holds and the sha256 that its bytes must have."""

    path: str
    """Relative to the home."""
    kind: Literal["predictions", "labels", "drift"]
    endpoint: str
    sha256: str
    rows: int
    time_from: str | None = None
    time_to: str | None = None
    sample: float | None = None
    """The smallest share of requests that was logged while it was written; None where nothing is sampled."""
    removed_at: datetime | None = None
    """When retention removed the file."""
    created_at: datetime


class KeyInfo(Value):
    """An API key without its secret."""

    id: str
    principal: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Edge(Value):
    """An arrow of the lineage: ``subject`` was made from, by or after ``object``."""

    subject: str
    """``kind:identity``, such as ``version:sha256:ab…``."""
    relation: str
    object: str
    detail: dict[str, Any] = Field(default_factory=dict)
