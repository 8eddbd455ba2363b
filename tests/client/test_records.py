from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from tidegate.client.records import microseconds, plain
from tidegate.errors import InvalidInputError


def test_values_become_json() -> None:
    given = {
        "numpy": np.float32(0.5),
        "nan": float("nan"),
        "array": np.array([1, 2]),
        "series": pl.Series(["x", None]),
        "bytes": b"AA",
        "time": datetime(2013, 1, 1, tzinfo=UTC),
        "nested": [(1, True), {"x": np.int64(3)}],
    }
    assert plain(given) == {
        "numpy": 0.5,
        "nan": None,
        "array": [1, 2],
        "series": ["x", None],
        "bytes": "AA",
        "time": "2013-01-01T00:00:00+00:00",
        "nested": [[1, True], {"x": 3}],
    }


def test_what_json_lacks_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"records\[1\]\.x: inf can't travel"):
        plain([{"x": 1.0}, {"x": float("inf")}], "records")
    with pytest.raises(InvalidInputError, match="object has no JSON form"):
        plain(object())


def test_event_times() -> None:
    moment = datetime(2013, 3, 1, 12, 30, 0, 250, tzinfo=timezone(timedelta(hours=-5)))
    assert microseconds(moment) == int(moment.timestamp()) * 1_000_000 + 250
    assert microseconds(17) == 17
    with pytest.raises(InvalidInputError, match="has no time zone"):
        microseconds(datetime(2013, 3, 1))  # noqa: DTZ001
