"""Drift alarms: what changed, since when, and silence when nothing did."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tidegate._native import Counters, ProfileBuilder, ReferenceProfile
from tidegate.errors import InvalidInputError
from tidegate.monitoring import alarms, logs
from tidegate.monitoring.baseline import Replayed

START = datetime(2013, 3, 1, tzinfo=UTC)
ROWS = 1000
Columns = dict[str, NDArray[Any]]


def profile(columns: Columns) -> ReferenceProfile:
    builder = ProfileBuilder()
    builder.numeric("distance", columns["distance"])
    builder.categorical("carrier", columns["carrier"].tolist())
    builder.numeric("score", columns["score"], role="score")
    return builder.build()


def panes(reference: ReferenceProfile, columns: Columns, variant: str = "sha256:1") -> pl.DataFrame:
    """The pane log of these rows, 1000 an hour."""
    rows = []
    for pane in range(len(columns["score"]) // ROWS):
        counted = Counters(reference)
        part = slice(pane * ROWS, (pane + 1) * ROWS)
        counted.numeric("distance", columns["distance"][part])
        counted.categorical("carrier", columns["carrier"][part].tolist())
        counted.numeric("score", columns["score"][part], role="score")
        for feature in reference.features():
            name, role = feature["name"], feature["role"]
            rows.append(
                {
                    "variant": variant,
                    "version": "1",
                    "shadow": False,
                    "pane": pane,
                    "begin": START + timedelta(hours=pane),
                    "end": START + timedelta(hours=pane, minutes=59),
                    "rows": ROWS,
                    "feature": name,
                    "role": role,
                    "missing": counted.missing(name, role=role),
                    "nonfinite": 0,
                    "bins": counted.bins(name, role=role)[1].tolist(),
                }
            )
    return pl.DataFrame(rows, schema=logs.PANES)


def stream(rows: int, seed: int, **changes: NDArray[Any]) -> Columns:
    random = np.random.default_rng(seed)
    columns: Columns = {
        "distance": random.normal(size=rows),
        "carrier": random.choice(["AA", "UA", "DL"], rows),
        "score": random.random(rows),
    }
    return columns | changes


def verdicts(found: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    json.dumps(found, allow_nan=False)
    return {(row["feature"], row["stream"]): row for row in found}


@pytest.fixture(scope="module")
def reference() -> ReferenceProfile:
    return profile(stream(50_000, 1))


def test_says_what_changed_and_since_when(reference: ReferenceProfile) -> None:
    columns = stream(40 * ROWS, 2)
    columns["distance"][24 * ROWS :] += 0.5
    columns["distance"][35 * ROWS :: 4] = np.nan
    found = alarms.alarms(reference.to_bytes(), panes(reference, columns))
    by_stream = verdicts(found)
    assert [row["evidence"] for row in found] == ["ALARM", "ALARM", *["NONE"] * 4]
    moved = by_stream["distance", "values"]
    assert moved["began"] == (START + timedelta(hours=24)).isoformat()
    assert moved["alarmed_at"] == (START + timedelta(hours=24, minutes=59)).isoformat()
    assert moved["ended_at"] is None
    assert (moved["magnitude"], moved["checks"]) == ("moderate", 40)
    assert moved["psi_ci_low"] < 0.237749 < moved["psi_ci_high"]
    assert moved["ln_alarm"] == pytest.approx(np.log(6 * 1000 / 0.01))
    assert by_stream["distance", "missing"]["began"] == (START + timedelta(hours=35)).isoformat()
    assert "ALARM: distance (values) changed since 2013-03-02T00:00:00+00:00" in alarms.sentence(moved)
    assert moved["note"] == alarms.UNVERIFIED


def test_a_shuffled_control_stays_silent() -> None:
    drifting = stream(100_000, 3)
    drifting["distance"] += np.linspace(0, 2, 100_000)
    drifting["score"] = np.clip(drifting["score"] * np.linspace(1, 0.5, 100_000), 0, 1)
    order = np.random.default_rng(4).permutation(100_000)
    shuffled = {name: values[order] for name, values in drifting.items()}
    levels = []
    for columns in (drifting, shuffled):
        known = profile({name: values[:50_000] for name, values in columns.items()})
        later = {name: values[50_000:] for name, values in columns.items()}
        found = verdicts(alarms.alarms(known.to_bytes(), panes(known, later)))
        levels.append({name for name, row in found.items() if row["alarmed_at"] or row["evidence"] != "NONE"})
    assert levels == [{("distance", "values"), ("score", "values")}, set()]


def test_an_alarm_that_is_over_is_remembered(reference: ReferenceProfile) -> None:
    columns = stream(400 * ROWS, 5)
    columns["distance"][2 * ROWS : 3 * ROWS] += 0.5
    row = verdicts(alarms.alarms(reference.to_bytes(), panes(reference, columns)))["distance", "values"]
    assert (row["evidence"], row["began"]) == ("NONE", None)
    assert row["alarmed_at"] == (START + timedelta(hours=2, minutes=59)).isoformat()
    assert (
        START + timedelta(hours=20) < datetime.fromisoformat(row["ended_at"]) < START + timedelta(hours=300)
    )


def test_a_design_effect_takes_weight_off(reference: ReferenceProfile) -> None:
    columns = stream(3 * ROWS, 6)
    columns["distance"] += 0.3
    log = panes(reference, columns)
    plain, heavy, rhythm = (
        verdicts(
            alarms.alarms(reference.to_bytes(), log, {("input", "distance", "values"): Replayed(effect)})
        )
        for effect in (1.0, 8.0, 20.5)
    )
    key = "distance", "values"
    assert (plain[key]["evidence"], plain[key]["note"]) == ("ALARM", None)
    assert heavy[key]["ln_m"] < plain[key]["ln_m"] / 4
    assert heavy[key]["note"] == alarms.APPROXIMATE
    assert (rhythm[key]["evidence"], rhythm[key]["reason"]) == ("NONE", "RHYTHM")
    assert rhythm[key]["magnitude"] in {"small", "moderate"}


def test_a_short_reference_and_no_panes_have_a_reason(reference: ReferenceProfile) -> None:
    short = profile(stream(3000, 7))
    found = verdicts(alarms.alarms(short.to_bytes(), panes(short, stream(2 * ROWS, 8))))
    assert found["carrier", "values"]["reason"] == "REFERENCE_SHORT"
    assert found["distance", "values"]["ln_m"] is not None
    none = alarms.alarms(reference.to_bytes(), pl.DataFrame(schema=logs.PANES))
    assert {(row["evidence"], row["reason"], row["ln_m"]) for row in none} == {("NONE", "NO_PANES", None)}


def test_a_feature_of_one_bin_hides_nothing_else() -> None:
    columns = stream(50_000, 12)
    columns["distance"] = np.where(np.arange(50_000) % 20, 1000.0, columns["distance"])
    known = profile(columns)
    found = verdicts(alarms.alarms(known.to_bytes(), panes(known, columns)))
    assert found["distance", "values"]["reason"] == "ONE_BIN"
    assert found["score", "values"]["ln_m"] is not None


def test_says_what_is_worth_saying(reference: ReferenceProfile) -> None:
    columns = stream(3 * ROWS, 13)
    columns["score"] = columns["score"] ** 2
    log = panes(reference, columns)
    rhythm = {("input", "distance", "values"): Replayed(25.0), ("score", "score", "values"): Replayed(30.0)}
    found = [row for row in alarms.alarms(reference.to_bytes(), log, rhythm) if alarms.worth_saying(row)]
    assert [row["feature"] for row in found] == ["score"]
    assert "score (score): major shift" in alarms.sentence(found[0])
    assert "reference too short for this rhythm (design effect 30.0)" in alarms.sentence(found[0])
    [plain] = [row for row in alarms.alarms(reference.to_bytes(), log) if alarms.worth_saying(row)]
    assert alarms.sentence(plain).startswith(
        "ALARM: score (score) changed since 2013-03-01T00:00:00+00:00: major"
    )
    assert alarms.sentence(plain).endswith("design effect unverified")


def test_panes_of_another_profile_are_refused(reference: ReferenceProfile) -> None:
    log = panes(reference, stream(ROWS, 9)).with_columns(bins=pl.lit([1, 2], dtype=pl.List(pl.UInt64)))
    with pytest.raises(InvalidInputError, match=r"'distance' do not have the 10 bins"):
        alarms.alarms(reference.to_bytes(), log)


def test_reads_the_panes_of_all_variants_in_event_order(reference: ReferenceProfile, tmp_path: Path) -> None:
    columns = stream(6 * ROWS, 10)
    columns["distance"][3 * ROWS :] += 0.5
    log = panes(reference, columns)
    other = panes(reference, stream(6 * ROWS, 11), "sha256:2").with_columns(shadow=True, version=pl.lit("2"))
    folder = tmp_path / "drift" / "e"
    folder.mkdir(parents=True)
    log[9:].write_parquet(folder / "20130301T000000-1-0.parquet")
    stream_bytes = io.BytesIO()
    pl.concat([log[:9], other]).write_ipc_stream(stream_bytes, compat_level=pl.CompatLevel.oldest())
    (folder / "20130301T000001-1-1.arrows").write_bytes(stream_bytes.getvalue())
    read = logs.panes(tmp_path, "e").collect()
    profiles = {"sha256:1": reference.to_bytes(), "sha256:2": reference.to_bytes()}
    found = alarms.report(read, profiles, {})
    alarming = [row for row in found if row["evidence"] == "ALARM"]
    assert [(row["version"], row["shadow"], row["feature"]) for row in alarming] == [("1", False, "distance")]
    assert alarming[0]["began"] == (START + timedelta(hours=3)).isoformat()
    assert len(found) == 12
