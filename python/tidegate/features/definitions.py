"""Declared features: what a column is made of, as data that lineage can keep and a reader can check."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from tidegate.types import DataType, Value


class _Feature(Value):
    name: str
    datatype: DataType = "FP32"
    """The type in which a model receives the feature."""


class Column(_Feature):
    """A column of the event itself, known when the event happens."""

    kind: Literal["column"] = "column"
    column: str


class Lookup(_Feature):
    """A column of a table that does not change with time, found by a key; null when the key is not there."""

    kind: Literal["lookup"] = "lookup"
    source: str
    on: str
    """The event's column."""
    key: str
    """The table's column, unique in it."""
    value: str


class AsOf(_Feature):
    """The table's latest value at ``at`` minus ``lag_seconds``, no older than ``max_age_seconds`` then."""

    kind: Literal["as_of"] = "as_of"
    source: str
    on: str
    at: str
    """The event's time column."""
    time: str
    """The table's time column; a value counts from then on."""
    value: str
    lag_seconds: int = 0
    max_age_seconds: int | None = None


class TrailingMean(_Feature):
    """The mean of the last ``last`` values of the key that were available at the event's time."""

    kind: Literal["trailing_mean"] = "trailing_mean"
    on: str
    value: str
    last: int = Field(gt=0)
    event_time: str
    available_time: str


class CountPer(_Feature):
    """How many events share these columns; only for what is fixed before the events, such as a timetable."""

    kind: Literal["count_per"] = "count_per"
    on: list[str] = Field(min_length=1)


FeatureDefinition: TypeAlias = Annotated[
    Column | Lookup | AsOf | TrailingMean | CountPer, Field(discriminator="kind")
]
"""One feature, told apart in JSON by ``kind``."""


class FeatureList(Value):
    """A dataset's features in order; its JSON form is the part of the dataset's origin that says how."""

    features: list[FeatureDefinition] = Field(min_length=1)

    def names(self) -> list[str]:
        """The names in order."""
        return [feature.name for feature in self.features]

    def datatypes(self) -> dict[str, DataType]:
        """Name to type, in order."""
        return {feature.name: feature.datatype for feature in self.features}
