"""Each refusal on a running server says which gate has not passed and which command would satisfy it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.servers import DATA, Servers
from tests.people import GOOD

import tidegate
from tidegate import Client
from tidegate.errors import PermissionDeniedError, PreconditionError

As = Callable[[str], Client]
ROLES = {"ada": "data_scientist", "vera": "model_validator", "otto": "operator"}


@pytest.fixture
def who(home: Path, reference: Path, serve: Servers) -> Iterator[As]:
    """Somebody's client. Version 1 of ``delay`` passes, 2 is weak, 3 was converted badly; ``max`` made 4."""
    with tidegate.open(home) as house:
        house.access.create_principal("max", ["data_scientist", "model_validator"], principal="owner")
        keys = {name: house.create_key(name, role)["key"] for name, role in ROLES.items()}
        keys["max"] = house.create_key("max")["key"]
        house.create_model("delay")
        graph = house.register_model_file("delay", DATA / "mixed.onnx", reference)["manifest"]
        house.create_endpoint("flight", "delay", "1")
    server = serve(home)
    made = {name: Client(server.ready.control, key) for name, key in keys.items()}
    facts = {name: graph[name] for name in ("signature", "contract", "profile")}
    for name, changes in (
        ("ada", {"metrics": {"auc": 0.59}}),
        ("ada", {"conversion": GOOD["conversion"] | {"labels_differing": 3}}),
        ("max", {}),
    ):
        made[name].register_version("delay", graph["onnx"], **(facts | GOOD | changes))
    yield made.__getitem__
    for client in made.values():
        client.close()


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises((PreconditionError, PermissionDeniedError)) as caught:
        call()
    return str(caught.value)


def test_each_gate_and_its_command(who: As) -> None:
    ada, vera, otto, maker = who("ada"), who("vera"), who("otto"), who("max")
    for number, said in (
        (
            "2",
            "gate auc >= 0.6 has not passed: auc is 0.59; a version with auc >= 0.6 is needed: tidegate",
        ),
        (
            "3",
            "gate conversion has not passed: on 1000 rows the largest difference is 2e-07, 3 labels differ",
        ),
    ):
        assert said in refused(partial(otto.promote_version, "delay", number, "uat"))
    assert "needs production (require_production); first: tidegate version promote delay 4 uat" in refused(
        lambda: otto.set_traffic("flight", {"4": 1.0})
    )
    otto.promote_version("delay", "4", "uat")
    approve = "tidegate version approve delay 4 production --reason WHY (as model_validator, not max)"
    for call in (
        lambda: otto.promote_version("delay", "4", "production"),
        lambda: otto.set_traffic("flight", {"4": 1.0}),
    ):
        assert (
            f"gate approval has not passed: nobody but its maker max has approved it yet; {approve}"
            in refused(call)
        )
    assert "max registered version 4 of delay and can't approve it; somebody else must" in refused(
        lambda: maker.approve_version("delay", "4", "production")
    )
    assert "ada may not approve_version: it needs model_validator" in refused(
        lambda: ada.approve_version("delay", "4", "production")
    )
    vera.approve_version("delay", "4", "production", "looked at it")
    assert otto.promote_version("delay", "4", "production")["stage"] == "production"


def test_what_was_changed_after_its_approval_is_refused(who: As, home: Path) -> None:
    vera, otto = who("vera"), who("otto")
    otto.promote_version("delay", "4", "uat")
    vera.approve_version("delay", "4", "production", "looked at it")
    manifest = otto.get_version("delay", "4")["manifest"] | {"metrics": {"auc": 0.99}}
    text = json.dumps(manifest, separators=(",", ":"), sort_keys=True)
    with closing(sqlite3.connect(home / "registry.db")) as registry, registry:
        registry.execute("UPDATE versions SET manifest = ? WHERE number = 4", [text])
    assert (
        "version 4 of delay is not what its digest binds any more, so no gate and no approval holds"
        in refused(lambda: otto.promote_version("delay", "4", "production"))
    )
