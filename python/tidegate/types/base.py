"""What every value is, and the clock that tells when it was made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC; tests inject their own."""


def utc_now() -> datetime:
    """The time now, in UTC: the clock that is used where none is injected."""
    return datetime.now(UTC)


class Value(BaseModel):
    """An immutable value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """The value as JSON-able data."""
        return self.model_dump(mode="json")
