"""Drift reports: the rule, the order, the difference of snapshots."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tidegate._native import Counters, ProfileBuilder, ReferenceProfile
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.monitoring import drift

ROWS = 20_000
random = np.random.default_rng(5)


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    builder = ProfileBuilder()
    builder.numeric("still", random.normal(size=ROWS))
    builder.numeric("moved", random.normal(size=ROWS))
    builder.numeric("gone", random.normal(size=ROWS))
    builder.categorical("carrier", random.choice(["AA", "UA"], ROWS).tolist())
    builder.numeric("score", random.random(ROWS), role="score")
    return builder.build()


def counted(profile: ReferenceProfile, shift: float = 1.0, rows: int = 5000) -> Counters:
    counters = Counters(profile)
    counters.numeric("still", random.normal(size=rows))
    counters.numeric("moved", random.normal(shift, size=rows))
    counters.numeric("gone", np.where(np.arange(rows) % 2, np.nan, random.normal(size=rows)))
    counters.categorical("carrier", random.choice(["AA", "UA", "??"], rows, p=[0.5, 0.49, 0.01]).tolist())
    counters.numeric("score", random.random(rows), role="score")
    return counters


def test_names_what_drifted_and_by_what(profile: ReferenceProfile) -> None:
    rows = drift.features(counted(profile))
    json.dumps(rows, allow_nan=False)
    by_name = {row["feature"]: row for row in rows}
    assert {name: row["drifted_by"] for name, row in by_name.items()} == {
        "moved": ["values"],
        "gone": ["missing"],
        "still": [],
        "carrier": [],
        "score": [],
    }
    assert [row["drifted"] for row in rows] == [True, True, False, False, False]
    assert rows[0]["feature"] == "moved"
    assert by_name["moved"]["magnitude"] == "major"
    assert by_name["score"]["role"] == "score"
    # Evidence alone does not do: the unseen category is certain, and small.
    assert by_name["carrier"]["psi"] > by_name["carrier"]["psi_threshold"]
    assert by_name["carrier"]["psi_bias_corrected"] < drift.MAGNITUDE


def test_size_alone_does_not_do(profile: ReferenceProfile) -> None:
    few = {row["feature"]: row for row in drift.features(counted(profile, shift=0.3, rows=12))}
    assert few["still"]["psi"] > drift.MAGNITUDE / 2
    assert not few["still"]["drifted"]


def test_no_rows_is_no_drift(profile: ReferenceProfile) -> None:
    rows = drift.features(Counters(profile))
    assert {row["reason"] for row in rows} == {"NO_LIVE"}
    assert not any(row["drifted"] for row in rows)


def test_reports_what_came_since_a_snapshot(profile: ReferenceProfile) -> None:
    data = {"sha256:a": profile.to_bytes()}
    counters = counted(profile, shift=0.0)
    start = counters.to_ipc("sha256:a", "1")
    later = counted(profile, shift=1.0, rows=700)
    counters.add(later)
    end = counters.to_ipc("sha256:a", "1")
    rows = drift.report(end, data, start)
    assert {(row["variant"], row["version"], row["shadow"], row["rows"]) for row in rows} == {
        ("sha256:a", "1", False, 700)
    }
    direct = drift.features(later)
    assert [{k: v for k, v in row.items() if k in direct[0]} for row in rows] == direct
    # A variant that came after the snapshot keeps all its counts; one that is gone is left out.
    new = drift.report(counters.to_ipc("sha256:b", "2", True), {"sha256:b": data["sha256:a"]}, start)
    assert {(row["version"], row["shadow"], row["rows"]) for row in new} == {("2", True, 5700)}
    with pytest.raises(InvalidInputError):
        drift.report(start, data, end)


def test_bad_bytes_are_refused(profile: ReferenceProfile) -> None:
    with pytest.raises(InvalidInputError, match="no Arrow IPC stream"):
        drift.report(b"none", {})
    counts = counted(profile).to_ipc("sha256:a", "1")
    with pytest.raises(InvalidInputError, match=r"version 1 .* reference profile is missing"):
        drift.report(counts, {})
    with pytest.raises(NotFoundError):
        drift.counters(profile.to_bytes(), counts, "sha256:other")
