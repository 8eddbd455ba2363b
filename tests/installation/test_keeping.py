"""The log's policy: set, shown, brought to scoring, and its files let go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.monitoring.spools import DEAD, scored, segment

from tidegate import Installation
from tidegate.errors import InvalidInputError
from tidegate.gateway.control import remove_expired, seal_finished


def live(here: Installation) -> dict[str, Any]:
    document = here.registry.deployments.document()
    assert document is not None
    entry: dict[str, Any] = document["endpoints"][0]
    return entry


def test_a_policy_reaches_scoring_and_outlives_changes_of_traffic(two_versions: Installation) -> None:
    here = two_versions
    feature = here.get_endpoint("flight")["contract"]["inputs"][0]["columns"][0]
    assert here.get_log("flight") == {
        "endpoint": "flight",
        "sample": 1.0,
        "mask": [],
        "retain_days": None,
        "retain_bytes": None,
    }
    here.set_log("flight", {"sample": 0.5})
    here.set_traffic("flight", {"1": 1.0})
    assert live(here)["log"] == {"sample": 0.5, "mask": []}
    masks = [{"column": feature, "how": "drop"}, {"column": "client_id", "how": "truncate", "length": 3}]
    made = here.set_log("flight", {"mask": masks, "retain_days": 90}, "law")
    assert (made["sample"], made["retain_days"]) == (1.0, 90)
    assert live(here)["log"]["mask"] == masks
    generation = here.registry.deployments.generation()
    here.set_log("flight", {"mask": masks, "retain_days": 30})
    assert here.registry.deployments.generation() == generation, "scoring needs not know of it"
    here.set_traffic("flight", {"2": 1.0})
    here.undo_traffic("flight")
    assert live(here)["log"]["mask"] == masks
    assert not here.home.mask_key_file.exists()
    here.set_log("flight", {"mask": [{"column": "key", "how": "hash"}]})
    assert here.home.mask_key_file.stat().st_mode & 0o777 == 0o600
    assert here.audit_verify()["ok"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"sample": 0}, "sample"),
        ({"sample": 1.5}, "sample"),
        ({"mask": [{"column": "nowhere", "how": "drop"}]}, "no column 'nowhere'"),
        ({"mask": [{"column": "key", "how": "blur"}]}, "how"),
        ({"mask": [{"column": "key", "how": "truncate"}]}, "needs a length"),
        ({"mask": [{"column": "key", "how": "hash"}, {"column": "key", "how": "drop"}]}, "masked twice"),
        ({"samples": 1}, "samples"),
    ],
)
def test_a_policy_that_can_not_be_kept_is_refused(
    two_versions: Installation, policy: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        two_versions.set_log("flight", policy)


def test_sealed_files_go_by_age_and_by_bytes_and_the_manifest_says_so(two_versions: Installation) -> None:
    here = two_versions
    root: Path = here.home.root
    folder = root / "predictions" / "flight"
    for number in range(4):
        segment(folder, [scored(f"p{number}", sample=0.25)], pid=DEAD, number=number)
        seal_finished(here)
    sealed = here.registry.segments.all("predictions", "flight")
    assert [one.sample for one in sealed] == [0.25] * 4
    assert here.performance("flight")["log_sample"] == 0.25
    here.set_log("flight", {"retain_bytes": sum((root / one.path).stat().st_size for one in sealed) - 1})
    remove_expired(here)
    kept = here.registry.segments.kept("predictions", "flight")
    assert len(kept) == 3
    assert [(root / one.path).is_file() for one in sealed] == [one in kept for one in sealed]
    here.set_log("flight", {"retain_days": 1})
    remove_expired(here)
    assert len(here.registry.segments.kept("predictions", "flight")) == 3
    here.clock = lambda: kept[-1].created_at + timedelta(days=1, seconds=1)
    remove_expired(here)
    assert here.registry.segments.kept("predictions", "flight") == []
    assert list(folder.iterdir()) == []
    gone = here.registry.segments.all("predictions", "flight")
    assert all(one.removed_at is not None for one in gone)
    actions = [line for line in here.home.audit_file.read_text().splitlines() if "remove_segment" in line]
    assert len(actions) == 4
    assert "older than 1 days" in actions[-1]
