"""The drift verb's alarms: panes on the disk, the reference's rhythm from the registered dataset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.delay import register
from typer.testing import CliRunner

import tidegate
from tidegate import Installation
from tidegate._native import Counters, ProfileBuilder, ReferenceProfile
from tidegate.cli import app
from tidegate.monitoring.alarms import UNVERIFIED
from tidegate.monitoring.logs import PANES

START = datetime(2013, 1, 1, tzinfo=UTC)
ROWS, PANE = 40_000, 1000


def reference(rhythm: int) -> pl.DataFrame:
    """Rows in time order of which ``rhythm`` neighbours have one distance; stored in another order."""
    random = np.random.default_rng(1)
    time = [START + timedelta(minutes=minute) for minute in range(ROWS)]
    distance = np.repeat(random.normal(size=ROWS // rhythm), rhythm).astype(np.float32)
    carrier = random.choice(["AA", "UA"], ROWS)
    frame = pl.DataFrame({"time": time, "distance": distance, "carrier": carrier})
    return frame.sample(fraction=1, shuffle=True, seed=2)


def profile(frame: pl.DataFrame) -> ReferenceProfile:
    builder = ProfileBuilder()
    builder.numeric("distance", frame["distance"].to_numpy().astype(np.float64))
    builder.categorical("carrier", frame["carrier"].to_list())
    return builder.build()


def write_panes(folder: Path, known: ReferenceProfile, digest: str, shift: float) -> None:
    random = np.random.default_rng(3)
    rows = []
    for pane in range(8):
        counted = Counters(known)
        counted.numeric("distance", random.normal(shift if pane >= 4 else 0.0, size=PANE).astype(np.float32))
        counted.categorical("carrier", random.choice(["AA", "UA"], PANE).tolist())
        begin = START + timedelta(days=90 + pane)
        common = {
            "variant": digest,
            "version": "1",
            "shadow": False,
            "pane": pane,
            "begin": begin,
            "end": begin + timedelta(hours=23),
            "rows": PANE,
            "role": "input",
            "missing": 0,
            "nonfinite": 0,
        }
        rows += [
            common | {"feature": name, "bins": counted.bins(name)[1].tolist()}
            for name in ("distance", "carrier")
        ]
    folder.mkdir(parents=True)
    pl.DataFrame(rows, schema=PANES).write_parquet(folder / "20130401T000000-1-0.parquet")


def served(home: Path, tmp_path: Path, rhythm: int, shift: float, time_column: str | None) -> None:
    frame = reference(rhythm)
    file = tmp_path / "reference.parquet"
    frame.write_parquet(file)
    known = profile(frame)
    with tidegate.open(home) as verbs:
        dataset = verbs.register_dataset("reference", file, time_column)["digest"]
        stored = verbs.put_artifact(known.to_bytes())["digest"]
        made = register(verbs, profile=stored, dataset=dataset)
        verbs.create_endpoint("flight", "delay")
        write_panes(verbs.home.drift / "flight", known, made["digest"], shift)


def of(verbs: Installation) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["feature"], row["stream"]): row for row in verbs.drift("flight")["alarms"]}


def test_alarms_from_what_the_registry_knows(home: Path, tmp_path: Path) -> None:
    served(home, tmp_path, 1, 0.5, "time")
    with tidegate.open(home) as verbs:
        found = of(verbs)
    assert {key for key, row in found.items() if row["evidence"] != "NONE"} == {("distance", "values")}
    moved = found["distance", "values"]
    assert moved["began"] == (START + timedelta(days=94)).isoformat()
    assert (moved["design_effect"], moved["note"]) == (1.0, None)
    result = CliRunner().invoke(app, ["drift", "flight", "--home", str(home)])
    assert result.exit_code == 0, result.output
    assert "version 1: ALARM: distance (values) changed since 2013-04-05" in result.output


@pytest.mark.parametrize(("rhythm", "evidence"), [(5, "ALARM"), (100, "NONE")])
def test_the_rhythm_of_the_reference_is_divided_out(
    home: Path, tmp_path: Path, rhythm: int, evidence: str
) -> None:
    served(home, tmp_path, rhythm, 0.8, "time")
    with tidegate.open(home) as verbs:
        moved = of(verbs)["distance", "values"]
    assert rhythm / 2 < moved["design_effect"] < rhythm * 2
    assert moved["evidence"] == evidence
    assert (moved["reason"] == "RHYTHM") == (evidence == "NONE")
    assert moved["magnitude"] == "major"


def test_without_a_time_column_it_is_said(home: Path, tmp_path: Path) -> None:
    served(home, tmp_path, 1, 0.0, None)
    with tidegate.open(home) as verbs:
        found = of(verbs)
    assert {(row["evidence"], row["design_effect"], row["note"]) for row in found.values()} == {
        ("NONE", None, UNVERIFIED)
    }
