"""What a Parquet file says about itself: rows, schema, range of time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.errors import InvalidInputError
from tidegate.types import Value


class ParquetFacts(Value):
    """Rows, column name to polars dtype in order, and the first and last value of the time column."""

    rows: int
    columns: dict[str, str]
    time_from: str | None = None
    time_to: str | None = None


def describe(path: Path, time_column: str | None = None) -> ParquetFacts:
    """Reads a file's metadata, and its time column if one is named.

    Raises :class:`InvalidInputError` for a file that is no Parquet and for a time column that it lacks.
    """
    import polars as pl  # a quarter of a second, which only those who register data pay

    try:
        frame = pl.scan_parquet(path, glob=False)
        columns = {name: str(dtype) for name, dtype in frame.collect_schema().items()}
        if time_column is not None and time_column not in columns:
            raise InvalidInputError(f"the dataset has no column {time_column!r}; it has {', '.join(columns)}")
        first, last = (None, None) if time_column is None else _range(frame.select(time_column).collect())
        rows = int(frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInputError(f"{path.name} is no readable Parquet file: {error}") from error
    return ParquetFacts(rows=rows, columns=columns, time_from=first, time_to=last)


def _range(column: Any) -> tuple[str | None, str | None]:
    """The least and greatest value, times in ISO 8601."""
    series = column.to_series()
    return _text(series.min()), _text(series.max())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
