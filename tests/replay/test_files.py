"""Sources out of files: types, times, labels and recipes are found, and what can't be used is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.replay.recordings import recording, timed

from tidegate.errors import InvalidInputError
from tidegate.replay.files import FIRST, KNOWN, Reading, delay, read
from tidegate.replay.rules import pace
from tidegate.replay.source import HELD_OUT
from tidegate.training.recipes import Recipe


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    recording().write_parquet(tmp_path / "my shop.parquet")
    return tmp_path / "my shop.parquet"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    timed().write_csv(tmp_path / "timed.csv")
    return tmp_path / "timed.csv"


def test_without_a_time_a_row_is_a_minute(plain: Path) -> None:
    source = read(plain, Reading(target="left", label_delay="2h"))
    assert source.name == "my-shop"
    assert source.rows[source.time][0] == FIRST
    assert source.rows[source.time][60] == FIRST + timedelta(hours=1)
    assert source.begins == FIRST + timedelta(minutes=1000)
    assert (source.rows[KNOWN] - source.rows[source.time]).unique().to_list() == [timedelta(hours=2)]
    assert source.period == "day"
    assert pace(source).pane_hours == 1
    assert pace(source).maturity_hours == 2


def test_recipes_follow_the_types_of_the_columns(plain: Path) -> None:
    source = read(plain, Reading(target="left"))
    assert [one.estimator for one in source.recipes] == ["hist_gradient_boosting", "logistic_regression"]
    for one in source.recipes:
        assert one.numeric == ["usage"]
        assert one.integer == ["age", "trial"]
        assert one.categorical == ["plan"]
        assert one.missing == "missing"
        assert one.split_column == HELD_OUT
    assert source.notes == [
        "column note is left out: it has 1000 different texts in the reference, more than 500"
    ]
    assert source.rows.schema["trial"] == pl.Int64


def test_a_column_of_whole_numbers_with_nulls_is_a_float(tmp_path: Path) -> None:
    rows = recording().with_columns(age=pl.when(pl.col("age") > 70).then(None).otherwise("age"))
    rows.write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", Reading(target="left")).recipes[0].numeric == ["usage", "age"]


def test_the_missing_token_is_no_category(tmp_path: Path) -> None:
    rows = recording().with_columns(plan=pl.col("plan").replace({"basic": "missing"}))
    rows.write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", Reading(target="left")).recipes[0].missing == "(missing)"


def test_times_key_and_label_times_are_columns(csv: Path) -> None:
    source = read(csv, Reading(target="left", time="asked_at", key="shop", label_time="known_at"))
    assert source.rows["asked_at"].is_sorted()
    assert source.rows["asked_at"][0] == datetime(2024, 1, 1, tzinfo=UTC)
    assert [spec.name for spec in source.context] == ["shop"]
    assert not {"shop", "asked_at", "known_at"} & set(source.recipes[0].columns)


def test_the_makers_never_see_the_blind_rows(csv: Path) -> None:
    source = read(csv, Reading(target="left", time="asked_at"))
    makers, blind, events = source.makers(), source.blind(), source.events
    assert makers.height + blind.height + events.height == 5000
    assert makers["asked_at"].max() < blind["asked_at"].min()  # type: ignore[operator]
    assert blind["asked_at"].max() < events["asked_at"].min()  # type: ignore[operator]
    assert (blind.height, int(makers[HELD_OUT].sum())) == (200, 160)
    assert makers[HELD_OUT].is_sorted()


def test_a_recipe_of_ones_own_is_judged_on_the_latest_rows(plain: Path, tmp_path: Path) -> None:
    mine = Recipe(name="mine", estimator="random_forest", numeric=["usage"], target="left")
    (tmp_path / "mine.json").write_text(mine.model_dump_json())
    source = read(plain, Reading(target="left", recipes=[tmp_path / "mine.json"]))
    assert [(one.name, one.split_column, one.held_out) for one in source.recipes] == [
        ("mine", HELD_OUT, None)
    ]
    (tmp_path / "mine.json").write_text(mine.model_copy(update={"target": "age"}).model_dump_json())
    with pytest.raises(InvalidInputError, match=r"mine.json predicts 'age'; the replay's target is 'left'"):
        read(plain, Reading(target="left", recipes=[tmp_path / "mine.json"]))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (Reading(target="gone"), "has no column 'gone'; it has usage, age"),
        (Reading(target="left", time="gone"), "has no column 'gone'"),
        (Reading(target="plan"), "target 'plan' has type String, expected 0 and 1 or booleans"),
        (Reading(target="age"), "target 'age' has the value .*, expected 0 and 1 only"),
        (Reading(target="left", time="plan"), "column 'plan' has type String, expected the time as dates"),
        (
            Reading(target="left", label_delay="soon"),
            "'soon' is no length of time; expected a number and s, m, h",
        ),
        (Reading(target="left", reference=0.01), "the reference is a share from 0.02 to 0.9; it is 0.01"),
        (Reading(target="left", reference=0.03), "150 labelled rows are before .*; a replay needs 500"),
        (Reading(target="left", recipes=[Path("gone.json")]), "gone.json can't be read: No such file"),
    ],
)
def test_what_can_t_be_used_is_named(plain: Path, how: Reading, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        read(plain, how)


def test_a_label_before_its_question_is_refused(tmp_path: Path) -> None:
    timed().with_columns(known_at=pl.col("known_at") - pl.duration(hours=4)).write_parquet(
        tmp_path / "a.parquet"
    )
    how = Reading(target="left", time="asked_at", label_time="known_at")
    with pytest.raises(InvalidInputError, match=r"5000 rows have their label \(known_at\) before"):
        read(tmp_path / "a.parquet", how)


def test_names_become_names_of_inputs_or_are_refused(tmp_path: Path) -> None:
    recording().rename({"usage": "2 usage-hours"}).write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", Reading(target="left")).recipes[0].numeric == ["_2_usage_hours"]
    recording().rename({"usage": "a b", "age": "a-b"}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidInputError, match="two columns that would be named 'a_b'"):
        read(tmp_path / "b.parquet", Reading(target="left"))


def test_no_file_and_too_few_rows(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there is no file"):
        read(tmp_path / "gone.csv", Reading(target="left"))
    recording(300).write_csv(tmp_path / "few.csv")
    with pytest.raises(InvalidInputError, match="has 300 rows; a replay needs 700"):
        read(tmp_path / "few.csv", Reading(target="left"))


def test_lengths_of_time() -> None:
    assert [delay(text) for text in ("90s", "1.5 h", "2d")] == [
        timedelta(seconds=90),
        timedelta(hours=1.5),
        timedelta(days=2),
    ]
