"""Reading spools: whole batches only, one label per row, shadows with their answers' inputs."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.spools import DEAD, START, label, scored, segment
from tidegate.errors import InvalidInputError
from tidegate.monitoring import logs, sealing, segments


def ids(frame: pl.LazyFrame) -> list[str]:
    return frame.collect()["prediction_id"].to_list()


def test_an_endpoint_without_a_log_has_no_rows(tmp_path: Path) -> None:
    frame = logs.predictions(tmp_path, "e").collect()
    assert frame.height == 0
    assert frame.columns == list(logs.PREDICTIONS)
    assert logs.gap(tmp_path, "e") == 0
    assert logs.labels(tmp_path, "e").collect().height == 0


def test_reads_all_segments_and_leaves_torn_tails(tmp_path: Path) -> None:
    folder = tmp_path / "predictions" / "e"
    segment(folder, [scored("a"), scored("b", gap=3)], pid=DEAD, torn=100)
    segment(folder, [scored("c", **{"input.x": 1.0})], number=1, torn=7)
    (folder / "20130301T000000-1-9.arrows").write_bytes(b"")
    assert ids(logs.predictions(tmp_path, "e")) == ["c", "a", "b"]
    assert logs.predictions(tmp_path, "e").collect()["input.x"].to_list() == [1.0, None, None]
    assert logs.gap(tmp_path, "e") == 3


def test_filters_by_event_time(tmp_path: Path) -> None:
    segment(tmp_path / "predictions" / "e", [scored(str(m), minutes=m) for m in range(4)])
    since, until = START + timedelta(minutes=1), START + timedelta(minutes=3)
    assert ids(logs.predictions(tmp_path, "e", since, until)) == ["1", "2"]
    with pytest.raises(InvalidInputError, match="since must carry a time zone"):
        logs.predictions(tmp_path, "e", datetime(2013, 1, 1))  # noqa: DTZ001


def test_a_sealed_file_of_other_times_is_opened_once_and_then_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "predictions" / "e"
    segment(folder, [scored("a", minutes=0)], pid=DEAD, number=1)
    segment(folder, [scored("b", minutes=90)], pid=DEAD, number=2)
    sealing.seal(tmp_path, lambda _: None)
    hour = START + timedelta(minutes=60)
    assert ids(logs.predictions(tmp_path, "e", hour)) == ["b"]
    assert ids(logs.predictions(tmp_path, "e", None, hour)) == ["a"]
    first = min(folder.glob("*.parquet"))
    found = first.stat()
    first.write_bytes(b"\0" * found.st_size)
    os.utime(first, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert ids(logs.predictions(tmp_path, "e", hour)) == ["b"]
    with pytest.raises(pl.exceptions.ComputeError):
        ids(logs.predictions(tmp_path, "e"))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc"])
def test_no_way_out_of_the_spool(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="no name of an endpoint"):
        logs.predictions(tmp_path, name)


def labels_of(folder: Path, rows: list[dict[str, object]]) -> dict[tuple[str, int], float]:
    segment(folder / "labels" / "e", rows)
    frame = logs.labels(folder, "e").collect()
    return {(row["prediction_id"], row["row"]): row["label"] for row in frame.iter_rows(named=True)}


def test_labels_of_some_predictions_alone(tmp_path: Path) -> None:
    rows = [label(prediction, 1.0) for prediction in ("a", "b", "c", "d")]
    segment(tmp_path / "labels" / "e", [*rows, label("c", 0.0, event="correction", received=5)])
    found = logs.labels(tmp_path, "e", ("b", "c")).collect()
    assert dict(zip(found["prediction_id"], found["label"], strict=True)) == {"b": 1.0, "c": 0.0}


def test_labels_as_they_were_known_at_a_time(tmp_path: Path) -> None:
    rows = [
        label("a", 1.0, observed=1),
        label("a", 0.0, event="later", observed=9),
        label("b", 1.0, observed=6),
    ]
    segment(tmp_path / "labels" / "e", [*rows, label("c", 1.0, received=99)])
    found = logs.labels(tmp_path, "e", until=START + timedelta(minutes=5)).collect()
    assert dict(zip(found["prediction_id"], found["label"], strict=True)) == {"a": 1.0, "c": 1.0}


def test_a_label_that_comes_twice_counts_once(tmp_path: Path) -> None:
    rows = [label("a", 1.0, received=1), label("a", 0.0, received=2), label("a", 1.0, row=1, received=3)]
    assert labels_of(tmp_path, rows) == {("a", 0): 1.0, ("a", 1): 1.0}


def test_what_was_observed_last_corrects(tmp_path: Path) -> None:
    rows = [
        label("late", 0.0, event="second", observed=20, received=1),
        label("late", 1.0, event="first", observed=10, received=2),
        label("plain", 1.0, event="p1", received=3),
        label("plain", 0.0, event="p2", received=4),
        label("tie", 1.0, event="t1", observed=5, received=5),
        label("tie", 0.0, event="t2", observed=5, received=6),
        label("mixed", 1.0, event="m1", observed=50, received=1),
        label("mixed", 0.0, event="m2", received=40),
    ]
    expected = {("late", 0): 0.0, ("plain", 0): 0.0, ("tie", 0): 0.0, ("mixed", 0): 1.0}
    assert labels_of(tmp_path, rows) == expected


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.integers(0, 1), st.sampled_from("xyz"), st.none() | st.integers(0, 3)
        ),
        max_size=12,
    )
)
def test_labels_are_those_of_a_plain_loop(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, str, int | None]]
) -> None:
    rows = [
        label(prediction, float(index), row=row, event=event, observed=observed, received=index / 10)
        for index, (prediction, row, event, observed) in enumerate(events)
    ]
    seen: set[str] = set()
    best: dict[tuple[str, int], tuple[float, float]] = {}
    for index, (prediction, row, event, observed) in enumerate(events):
        if event in seen:
            continue
        seen.add(event)
        when = index / 10 if observed is None else float(observed)
        key = (prediction, row)
        if key not in best or when >= best[key][0]:
            best[key] = (when, float(index))
    home = tmp_path_factory.mktemp("home")
    assert labels_of(home, rows) == {key: value for key, (_, value) in best.items()}


def test_joins_labels_to_answers_and_shadows(tmp_path: Path) -> None:
    rows = [
        scored("a", 0, **{"input.x": 1.0}),
        scored("a", 1, **{"input.x": 2.0}),
        scored("a", 1, version="2", role="shadow"),
        scored("b", 0),
    ]
    segment(tmp_path / "predictions" / "e", rows)
    segment(tmp_path / "labels" / "e", [label("a", 1.0, row=1), label("nobody", 1.0)])
    joined = logs.labelled(logs.predictions(tmp_path, "e"), logs.labels(tmp_path, "e")).collect()
    assert joined["label"].to_list() == [None, 1.0, 1.0, None]
    shadow = logs.rows_of(tmp_path, "e", "sha256:2", shadow=True).collect()
    assert shadow.select("prediction_id", "row", "input.x").rows() == [("a", 1, 2.0)]
    assert logs.rows_of(tmp_path, "e", "sha256:1").collect()["input.x"].to_list() == [1.0, 2.0, None]


def test_a_sealing_between_listing_and_reading_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment(tmp_path / "predictions" / "e", [scored("a"), scored("b")], pid=DEAD)
    listed = segments.growing

    def late(folder: Path) -> list[segments.Segment]:
        found = listed(folder)
        monkeypatch.setattr(logs, "growing", listed)
        sealing.seal(tmp_path, lambda _: None)
        return found

    monkeypatch.setattr(logs, "growing", late)
    assert ids(logs.predictions(tmp_path, "e")) == ["a", "b"]
