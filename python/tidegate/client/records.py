"""Rows and columns as strict JSON: NumPy and polars values become plain ones, NaN becomes null."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tidegate.errors import InvalidInputError


def plain(value: Any, where: str = "value") -> Any:  # noqa: PLR0911 -- one return per kind of value
    """``value`` as JSON knows it: NaN is missing, so null; infinities have no form and are refused."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise InvalidInputError(f"{where}: {value} can't travel as JSON; send it by gRPC")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(name): plain(member, f"{where}.{name}") for name, member in value.items()}
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Sequence):
        return [plain(member, f"{where}[{index}]") for index, member in enumerate(value)]
    for convert in ("tolist", "to_list"):
        if hasattr(value, convert):
            return plain(getattr(value, convert)(), where)
    raise InvalidInputError(f"{where}: {type(value).__name__} has no JSON form")


def microseconds(moment: datetime | int) -> int:
    """An event time as the data port takes it: microseconds since 1970 UTC; one without a zone is refused."""
    if isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        raise InvalidInputError(f"event_time {moment.isoformat()} has no time zone")
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
