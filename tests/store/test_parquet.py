"""What a Parquet file says about itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tidegate.errors import InvalidInputError
from tidegate.store.parquet import describe


def test_rows_columns_and_range_of_time(tmp_path: Path) -> None:
    times = [datetime(2013, 2, day, tzinfo=UTC) for day in (3, 1, 2)]
    pl.DataFrame({"time": times, "delay": [1.5, None, 3.0], "carrier": ["UA", "AA", None]}).write_parquet(
        tmp_path / "data"
    )
    facts = describe(tmp_path / "data", "time")
    assert facts.rows == 3
    assert list(facts.columns) == ["time", "delay", "carrier"]
    assert facts.columns["delay"] == "Float64"
    assert (facts.time_from, facts.time_to) == ("2013-02-01T00:00:00+00:00", "2013-02-03T00:00:00+00:00")
    assert describe(tmp_path / "data").time_from is None


def test_an_empty_set_has_no_range(tmp_path: Path) -> None:
    pl.DataFrame({"time": []}, schema={"time": pl.Int64}).write_parquet(tmp_path / "data")
    facts = describe(tmp_path / "data", "time")
    assert (facts.rows, facts.time_from, facts.time_to) == (0, None, None)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match=r"data\.csv is no readable Parquet file"):
        describe(tmp_path / "data.csv")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "data")
    with pytest.raises(InvalidInputError, match="no column 'time'; it has a"):
        describe(tmp_path / "data", "time")
