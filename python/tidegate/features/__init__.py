"""The feature store: declared features and their values as they were known at the time of an event."""

from tidegate.features.definitions import (
    AsOf,
    Column,
    CountPer,
    FeatureDefinition,
    FeatureList,
    Lookup,
    TrailingMean,
)
from tidegate.features.offline import asof_join, count_per, lookup, trailing_mean
from tidegate.features.recipe import compute

__all__ = [
    "AsOf",
    "Column",
    "CountPer",
    "FeatureDefinition",
    "FeatureList",
    "Lookup",
    "TrailingMean",
    "asof_join",
    "compute",
    "count_per",
    "lookup",
    "trailing_mean",
]
