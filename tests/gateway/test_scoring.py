"""What scoring processes fetch and tell."""

from __future__ import annotations

import hashlib
import json
import threading

from tests.gateway.callers import Caller

from tidegate import Installation
from tidegate.gateway.denials import Denials
from tidegate.serving import Announcements


def test_nodes_follow_the_deployment_and_do_nothing_else(
    node: Caller, owner: Caller, two_versions: Installation, announcements: Announcements
) -> None:
    assert node("GET", "/v1/deployment?after=0&wait=0").status_code == 204
    two_versions.set_traffic("flight", {"1": 1.0})
    document = two_versions.registry.deployments.document()
    assert document is not None
    announcements.announce(document)
    found = node("GET", "/v1/deployment?after=0&wait=20")
    assert json.loads(found.content) == document
    assert node("GET", "/v1/deployment?after=1&wait=0").status_code == 204
    assert node("GET", "/v1/deployment?after=-1").status_code == 400
    assert node("GET", "/v1/models").status_code == 403
    assert owner("GET", "/v1/deployment").status_code == 403


def test_scoring_processes_get_another_key_table_as_soon_as_there_is_one(
    node: Caller, owner: Caller, two_versions: Installation
) -> None:
    assert owner("GET", "/v1/scoring-keys").status_code == 403
    first = node("GET", "/v1/scoring-keys")
    known = f"sha256:{hashlib.sha256(first.content).hexdigest()}"
    assert node("GET", f"/v1/scoring-keys?known={known}&wait=0").status_code == 204
    made = threading.Timer(0, two_versions.create_key, ["bob", "scoring_client"])
    made.start()
    second = node("GET", f"/v1/scoring-keys?known={known}&wait=20")
    made.join()
    assert "bob" in {principal["name"] for principal in second.json()["principals"]}


def test_what_scoring_refused_stands_in_the_audit_log_once(two_versions: Installation) -> None:
    denials = Denials(two_versions)
    key = {"reason": "bad_key", "who": "x", "address": "127.0.0.1"}
    denials.record(None)
    denials.record({"pid": 1, "denied": []})
    for pid, count in ((1, 2), (1, 2), (1, 5), (2, 1)):
        denials.record({"pid": pid, "denied": [key | {"count": count}]})
    written = map(json.loads, two_versions.home.audit_file.read_text().splitlines())
    lines = [line for line in written if line["action"] == "access.denied"]
    counts = [line["detail"]["denied"][0]["count"] for line in lines]
    assert sorted(counts) == [1, 2, 3]
    assert {line["actor"] for line in lines} == {"scoring"}
