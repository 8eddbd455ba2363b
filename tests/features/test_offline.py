"""Point-in-time features against loops that are too simple to be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import InvalidInputError
from tidegate.features import asof_join, count_per, lookup, trailing_mean

START = datetime(2013, 1, 1, tzinfo=UTC)
KEYS = st.sampled_from(["EWR", "JFK", "LGA", None])
MINUTES = st.one_of(st.none(), st.integers(0, 40))
VALUES = st.one_of(st.none(), st.integers(-50, 50))


def moment(minutes: int | None) -> datetime | None:
    return None if minutes is None else START + timedelta(minutes=minutes)


def frame(rows: list[tuple[str | None, int | None, int | None, int | None]]) -> pl.DataFrame:
    utc = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "key": [row[0] for row in rows],
            "at": [moment(row[1]) for row in rows],
            "known": [moment(row[2]) for row in rows],
            "value": [row[3] for row in rows],
        },
        schema={"key": pl.String, "at": utc, "known": utc, "value": pl.Int64},
    )


def naive_trailing_mean(table: pl.DataFrame, n: int) -> list[float | None]:
    rows = table.rows(named=True)
    means: list[float | None] = []
    for row in rows:
        if row["key"] is None or row["at"] is None:
            means.append(None)
            continue
        seen = [
            (other["known"], position, other["value"])
            for position, other in enumerate(rows)
            if other["key"] == row["key"]
            and other["known"] is not None
            and other["known"] <= row["at"]
            and other["value"] is not None
        ]
        last = [value for _, _, value in sorted(seen)[-n:]]
        means.append(sum(last) / len(last) if last else None)
    return means


def naive_asof(events: pl.DataFrame, table: pl.DataFrame, lag: int, age: int | None) -> list[int | None]:
    answers: list[int | None] = []
    for event in events.rows(named=True):
        answer = None
        if event["key"] is not None and event["at"] is not None:
            until = event["at"] - timedelta(minutes=lag)
            seen = [
                (row["known"], position, row["value"])
                for position, row in enumerate(table.rows(named=True))
                if row["key"] == event["key"]
                and row["known"] is not None
                and row["known"] <= until
                and (age is None or row["known"] >= until - timedelta(minutes=age))
            ]
            answer = max(seen, key=lambda row: row[:2])[2] if seen else None
        answers.append(answer)
    return answers


def mean(table: pl.DataFrame, n: int) -> pl.Series:
    return trailing_mean(table, key="key", value="value", n=n, event_time="at", available_time="known")


ROWS = st.lists(st.tuples(KEYS, MINUTES, MINUTES, VALUES), max_size=40)


@given(ROWS, st.integers(1, 6))
def test_trailing_means_equal_the_naive_loop(
    rows: list[tuple[str | None, int | None, int | None, int | None]], n: int
) -> None:
    table = frame(rows)
    assert mean(table, n).to_list() == pytest.approx(naive_trailing_mean(table, n))


@given(ROWS.filter(bool), st.integers(1, 6), st.data())
def test_what_becomes_known_later_changes_nothing(
    rows: list[tuple[str | None, int | None, int | None, int | None]], n: int, data: st.DataObject
) -> None:
    table = frame(rows)
    cut = START + timedelta(minutes=data.draw(st.integers(0, 40)))
    changed = table.with_columns(
        pl.when(pl.col("known") > cut).then(pl.lit(10_000)).otherwise(pl.col("value")).alias("value")
    )
    early = (table["at"] <= cut).fill_null(value=False)
    assert mean(table, n).filter(early).to_list() == mean(changed, n).filter(early).to_list()


@given(ROWS, ROWS, st.integers(0, 10), st.one_of(st.none(), st.integers(0, 10)))
def test_asof_equals_the_naive_loop(
    events: list[tuple[str | None, int | None, int | None, int | None]],
    rows: list[tuple[str | None, int | None, int | None, int | None]],
    lag: int,
    age: int | None,
) -> None:
    asked, table = frame(events), frame(rows)
    joined = asof_join(
        asked,
        table,
        on="key",
        at="at",
        time="known",
        value="value",
        lag=timedelta(minutes=lag),
        max_age=None if age is None else timedelta(minutes=age),
    )
    assert joined.name == "value"
    assert joined.to_list() == naive_asof(asked, table, lag, age)


def test_a_value_counts_from_the_moment_it_is_known() -> None:
    table = frame([("EWR", 10, 20, 1), ("EWR", 19, None, 3), ("EWR", 20, 21, 5), ("EWR", 21, 40, 7)])
    assert mean(table, 100).to_list() == [None, None, 1.0, 3.0]


def test_one_huge_value_spoils_only_its_own_window() -> None:
    table = frame([("EWR", 0, 1, 10**18), ("EWR", 2, 3, 1), ("EWR", 4, 5, 2), ("EWR", 6, 7, 3)])
    assert mean(table, 1).to_list() == [None, 1e18, 1.0, 2.0]


def test_lookup_keeps_the_order_and_leaves_strangers_null() -> None:
    events = pl.DataFrame({"dest": ["SJU", "LAX", None, "BOS", "LAX"]})
    airports = pl.DataFrame({"faa": ["BOS", "LAX"], "lat": [42.4, 33.9]})
    found = lookup(events, airports, on="dest", key="faa", value="lat")
    assert found.to_list() == [None, 33.9, None, 42.4, 33.9]


def test_lookup_refuses_an_ambiguous_table() -> None:
    events = pl.DataFrame({"dest": ["BOS"]})
    with pytest.raises(InvalidInputError, match="faa of the table must be unique"):
        lookup(
            events, pl.DataFrame({"faa": ["BOS", "BOS"], "lat": [1, 2]}), on="dest", key="faa", value="lat"
        )


def test_count_per_counts_the_event_itself() -> None:
    events = pl.DataFrame({"origin": ["EWR", "JFK", "EWR"], "hour": [1, 1, 1]})
    assert count_per(events, ["origin", "hour"]).to_list() == [2, 1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda table: mean(table, 0), "n must be at least 1"),
        (lambda table: mean(table.drop("known"), 1), "there is no column known; there are: key, at, value"),
        (lambda table: mean(table.with_columns(pl.col("known").dt.epoch()), 1), "make them the same"),
        (
            lambda table: asof_join(
                table, table, on="key", at="at", time="known", value="value", lag=timedelta(minutes=-1)
            ),
            "lag must not be negative",
        ),
    ],
)
def test_faults_are_named(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInputError, match=message):
        call(frame([("EWR", 1, 2, 3)]))
