"""Three people, three keys, one server: nothing answers that has not passed its gates."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.servers import DATA, Servers, rows

from tidegate import Client
from tidegate.errors import NotFoundError, PermissionDeniedError, PreconditionError


def test_scientist_validator_and_operator(
    home: Path, reference: Path, serve: Servers, wait_until: Callable[..., None]
) -> None:
    server = serve(home)
    with Client(home=home) as owner:
        given = {
            name: owner.create_key(name, role)["key"]
            for name, role in (
                ("ada", "data_scientist"),
                ("vera", "model_validator"),
                ("otto", "operator"),
                ("anna", "auditor"),
            )
        }
    url = server.ready.control
    ada, vera, otto, anna = (Client(url, key) for key in given.values())

    ada.create_model("delay")
    version = ada.register_model_file("delay", DATA / "mixed.onnx", reference)
    assert (version["stage"], version["created_by"]) == ("development", "ada")
    for refused in (
        lambda: ada.promote_version("delay", "1", "uat"),
        lambda: ada.approve_version("delay", "1", "production"),
        lambda: otto.approve_version("delay", "1", "production"),
        lambda: vera.promote_version("delay", "1", "uat"),
        lambda: vera.create_model("mine"),
        lambda: anna.set_traffic("flight", {"1": 1.0}),
    ):
        with pytest.raises(PermissionDeniedError):
            refused()
    otto.create_endpoint("flight", "delay", "1")
    with pytest.raises(PreconditionError, match="first: tidegate version promote delay 1 uat"):
        otto.set_traffic("flight", {"1": 1.0})
    otto.promote_version("delay", "1", "uat", "its golden run is whole")
    with pytest.raises(PreconditionError, match="tidegate version approve delay 1 production"):
        otto.promote_version("delay", "1", "production")

    def command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tidegate", *arguments],
            env={**os.environ, "TIDEGATE_URL": url, "TIDEGATE_KEY": given[name]},
            capture_output=True,
            text=True,
            check=False,
        )

    said = command("vera", "version", "approve", "delay", "1", "production", "--reason", "looked at it")
    assert said.stdout == "version 1 of delay is approved for production by vera\n", said.stderr
    said = command("ada", "version", "promote", "delay", "1", "production")
    assert said.stderr == "error: ada may not promote_version: it needs operator; it has data_scientist\n"
    assert otto.promote_version("delay", "1", "production", "approved")["stage"] == "production"
    otto.set_traffic("flight", {"1": 1.0}, reason="first")

    scored = otto.score("flight", rows(3))
    assert scored["version"] == "1"

    def logged() -> bool:
        try:
            anna.lineage(scored["prediction_id"])
        except NotFoundError:  # written up to a second after the answer
            return False
        return True

    wait_until(logged)
    told = anna.lineage(scored["prediction_id"])
    assert told["version"]["stages"][-1]["approvers"] == ["vera"]
    assert [made["holds"] for made in anna.version_gates("delay", "1")["history"]] == [True, True]
    assert anna.audit_verify()["ok"]
    for client in (ada, vera, otto, anna):
        client.close()
