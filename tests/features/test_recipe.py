"""Declared features: evaluated, and kept as data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from pydantic import ValidationError

from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.features import AsOf, Column, CountPer, FeatureList, Lookup, TrailingMean, compute

START = datetime(2013, 1, 1, tzinfo=UTC)
EVENTS = pl.DataFrame(
    {
        "origin": ["EWR", "EWR", "EWR"],
        "at": [START, START + timedelta(hours=2), START + timedelta(hours=4)],
        "landed": [START + timedelta(hours=1), None, START + timedelta(hours=5)],
        "late": [1.0, None, 0.0],
    }
)
SOURCES = {
    "weather": pl.DataFrame(
        {
            "origin": ["EWR", "EWR"],
            "hour": [START + timedelta(hours=1), START + timedelta(hours=3)],
            "temp": [39.02, 41.0],
        }
    ),
    "airports": pl.DataFrame({"faa": ["EWR"], "alt": [18]}),
}
FEATURES = FeatureList(
    features=[
        Column(name="origin", column="origin", datatype="BYTES"),
        Lookup(name="altitude", source="airports", on="origin", key="faa", value="alt"),
        AsOf(
            name="temp",
            source="weather",
            on="origin",
            at="at",
            time="hour",
            value="temp",
            lag_seconds=3600,
            max_age_seconds=1800,
        ),
        TrailingMean(
            name="late_rate", on="origin", value="late", last=100, event_time="at", available_time="landed"
        ),
        CountPer(name="events", on=["origin"], datatype="INT64"),
    ]
)


def test_each_kind_is_evaluated_in_order_and_in_its_type() -> None:
    told: list[str] = []
    table = compute(EVENTS, SOURCES, FEATURES, told.append)
    assert table.schema == {
        "origin": pl.String,
        "altitude": pl.Float32,
        "temp": pl.Float32,
        "late_rate": pl.Float32,
        "events": pl.Int64,
    }
    assert table["altitude"].to_list() == [18.0, 18.0, 18.0]
    assert table["temp"].to_list() == pytest.approx([None, 39.02, 41.0])
    assert table["late_rate"].to_list() == [None, 1.0, 1.0]
    assert table["events"].to_list() == [3, 3, 3]
    assert told == FEATURES.names() == list(FEATURES.datatypes())


def test_definitions_survive_json() -> None:
    assert FeatureList.model_validate_json(FEATURES.model_dump_json()) == FEATURES
    assert [type(feature).__name__ for feature in FEATURES.features] == [
        "Column",
        "Lookup",
        "AsOf",
        "TrailingMean",
        "CountPer",
    ]


def test_an_unknown_source_or_column_is_named() -> None:
    with pytest.raises(
        NotFoundError, match="feature altitude: there is no source airports; there are: weather"
    ):
        compute(EVENTS, {"weather": SOURCES["weather"]}, FEATURES)
    gone = FeatureList(features=[Column(name="carrier", column="carrier")])
    with pytest.raises(InvalidInputError, match="feature carrier: events have no column carrier"):
        compute(EVENTS, SOURCES, gone)
    half = FeatureList(features=[Column(name="late", column="late", datatype="FP16")])
    with pytest.raises(InvalidInputError, match="no column can hold FP16"):
        compute(EVENTS, SOURCES, half)


def test_a_definition_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        TrailingMean(name="x", on="k", value="v", last=0, event_time="a", available_time="b")
    with pytest.raises(ValidationError, match="at least 1 item"):
        CountPer(name="x", on=[])
