"""From the first version to its retirement, on a running server: its answers stay explained."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.servers import DATA, Servers, rows

from tidegate import Client
from tidegate.errors import NotFoundError, PreconditionError


def test_a_version_retires_and_its_answers_stay_explained(
    home: Path, reference: Path, serve: Servers, wait_until: Callable[..., None]
) -> None:
    server = serve(home)
    with Client(home=home) as owner:
        vera = Client(server.ready.control, owner.create_key("vera", "model_validator")["key"])
        owner.create_model("delay")
        for number, threshold in (("1", 0.5), ("2", 0.6)):
            owner.register_model_file("delay", DATA / "mixed.onnx", reference, threshold=threshold)
            owner.promote_version("delay", number, "uat")
            vera.approve_version("delay", number, "production", "looked at it")
            owner.promote_version("delay", number, "production")
        owner.create_endpoint("flight", "delay", "1")
        first = owner.set_traffic("flight", {"1": 1.0}, reason="first")
        scored = owner.score("flight", rows(3))
        with pytest.raises(PreconditionError, match=r"answers 100.00% .*tidegate traffic set flight"):
            owner.retire_version("delay", "1")
        owner.set_traffic("flight", {"2": 1.0}, ["1"], "2 is better")
        owner.feedback([{"prediction_id": scored["prediction_id"], "row": 0, "label": 1}])

        made = owner.retire_version("delay", "1", "drained")
        assert (made["stage"], made["left"]) == ("archived", ["flight"])
        (endpoint,) = owner.status()["scoring"]["endpoints"]
        assert [variant["version"] for variant in endpoint["variants"]] == ["2"]
        assert owner.score("flight", rows(3))["version"] == "2"

        def logged() -> bool:
            try:
                return owner.lineage(scored["prediction_id"])["prediction"]["rows"][0]["label"] == 1.0
            except NotFoundError:  # written up to a second after the answer
                return False

        wait_until(logged)
        told = owner.lineage(scored["prediction_id"])
        assert (told["then"]["stage"], told["then"]["approvers"]) == ("production", ["vera"])
        assert told["version"]["stage"] == "archived"
        (past,) = owner.as_of(first["created_at"])["endpoints"]
        assert [(row["version"], row["stage"]) for row in past["plan"]["variants"]] == [("1", "production")]
        said = subprocess.run(
            [sys.executable, "-m", "tidegate", "lineage", scored["prediction_id"], "--home", str(home)],
            env={name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "stood in    production at that moment" in said
        assert "gate approval passed: approved by vera" in said
        vera.close()
    assert server.end() == 0
