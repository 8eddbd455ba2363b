"""The server as its users meet it: through its ports, its command line and its processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.servers import DATA, Servers, rows

import tidegate
from tidegate import Client
from tidegate.errors import (
    ConflictError,
    HomeLockedError,
    InvalidInputError,
    ModelRefusedError,
    NotFoundError,
)
from tidegate.gateway.control import seal_finished
from tidegate.settings import load
from tidegate.store import read_server

Wait = Callable[..., None]


def answers(url: str) -> bool:
    """Whether an endpoint's data port scores a row."""
    body = {"records": rows(1)}
    try:
        answer = httpx.post(f"{url}/v1/endpoints/flight/score", json=body, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def command(home: Path, *arguments: str, text: str | None = None) -> Any:
    """The JSON that a command printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", *arguments, "--home", str(home), "--json"],
        capture_output=True,
        text=True,
        check=False,
        input=text,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_way_of_a_prediction(served_home: Path, serve: Servers, wait_until: Wait) -> None:
    server = serve(served_home)
    with Client(home=served_home) as client:
        first = client.score("flight", rows(100), routing_key="N1", event_time=1_000_000)
        assert (first["rows"], len(first["predictions"]), first["generation"]) == (100, 100, 1)
        assert {client.score("flight", rows(1), routing_key="N1")["version"] for _ in range(5)} == {
            first["version"]
        }
        versions = {
            client.score("flight", rows(1), routing_key=f"N{number}")["version"] for number in range(40)
        }
        assert versions == {"1", "2"}
        labels = [
            {"prediction_id": first["prediction_id"], "row": row, "label": row % 2} for row in range(100)
        ]
        assert client.feedback(labels, endpoint="flight") == {"accepted": 100}
        assert client.feedback(labels, endpoint="flight") == {"accepted": 100}

        drift = client.drift("flight", keep=True)
        assert sum(version["rows"] for version in drift["versions"]) == 145
        client.score("flight", rows(3))
        later = client.drift("flight", since=drift["snapshot"])
        assert sum(version["rows"] for version in later["versions"]) == 3

        def logged() -> bool:
            try:
                return len(client.lineage(first["prediction_id"])["prediction"]["rows"]) == 100
            except NotFoundError:
                return False

        wait_until(logged)
        lineage = client.lineage(first["prediction_id"])
        assert lineage["version"]["version"] == first["version"]
        assert lineage["version"]["datasets"][0]["name"] == "delay-reference"
        assert lineage["prediction"]["rows"][1]["label"] == 1.0
        assert lineage["plan"]["generation"] == 1
        periods = client.performance("flight")["periods"]
        assert sum(period["labelled"] for period in periods) == 100
        assert client.status()["scoring"]["endpoints"][0]["name"] == "flight"

    assert command(served_home, "status")["server"]["data"] == server.ready.data
    scored = command(served_home, "score", "flight", text=json.dumps(rows(2)))
    assert scored["rows"] == 2
    assert command(served_home, "lineage", first["prediction_id"]) == lineage
    assert command(served_home, "audit", "verify")["ok"]
    assert server.end() == 0
    assert read_server(served_home) is None
    assert not Path(f"/proc/{server.ready.scoring_pid}").exists()
    with tidegate.open(served_home) as verbs:
        after = verbs.drift("flight")
        assert sum(version["rows"] for version in after["versions"]) == 150
        alarms = [row for row in after["alarms"] if (row["feature"], row["stream"]) == ("hour", "values")]
        assert [
            (row["version"], row["checks"]) for row in sorted(alarms, key=lambda row: row["version"])
        ] == [
            ("1", 1),
            ("2", 1),
        ]


def test_bad_requests_lose_nothing(served_home: Path, serve: Servers) -> None:
    serve(served_home)
    with Client(home=served_home) as client:
        with pytest.raises(NotFoundError, match="nope"):
            client.score("nope", rows(1))
        with pytest.raises(InvalidInputError, match="distanse"):
            client.score("flight", [{"carrier": "AA", "distanse": 1.0, "hour": 1}])
        with pytest.raises(InvalidInputError, match="hour"):
            client.score("flight", [{"carrier": "AA", "distance": 1.0, "hour": "noon"}])
        with pytest.raises(InvalidInputError, match=r"sum to 0\.9; expected 1"):
            client.set_traffic("flight", {"1": 0.9})
        assert client.score("flight", rows(1))["rows"] == 1


def test_traffic_moves_while_it_serves(served_home: Path, serve: Servers) -> None:
    serve(served_home)
    with Client(home=served_home) as client:
        plan = client.set_traffic("flight", {"2": 1.0}, shadows=["1"], reason="version 2 alone")
        answer = client.score("flight", rows(1))
        assert (answer["version"], answer["generation"]) == ("2", plan["generation"])


def test_a_version_that_cannot_be_loaded_is_refused(served_home: Path, serve: Servers) -> None:
    serve(served_home)
    with Client(home=served_home) as client:
        before = client.get_traffic("flight")
        manifest = client.get_version("delay", "1")["manifest"]
        onnx = client.put_artifact(b"no graph at all")["digest"]
        facts = {name: manifest[name] for name in ("signature", "contract", "profile")}
        made = client.register_version("delay", onnx, **facts)
        with pytest.raises(ModelRefusedError, match="LOAD_FAILED not an ONNX model"):
            client.set_traffic("flight", {made["version"]: 1.0})
        assert client.get_traffic("flight") == before
        assert client.score("flight", rows(1))["generation"] == before["generation"]


def test_killed_scoring_comes_back(served_home: Path, serve: Servers, wait_until: Wait) -> None:
    server = serve(served_home)
    assert answers(server.ready.data)
    os.kill(server.ready.scoring_pid, signal.SIGKILL)
    wait_until(lambda: answers(server.ready.data))
    with Client(home=served_home) as client:
        about = client.status()["server"]
        assert about["restarts"] == 1
        assert about["pid"] != server.ready.scoring_pid
    assert server.end() == 0
    with tidegate.open(served_home) as verbs:
        died = [entry for entry in verbs.audit.entries(limit=1000) if entry["action"] == "scoring.died"]
    assert [entry["detail"]["ending"] for entry in died] == ["was killed by SIGKILL"]
    assert died[0]["detail"]["ran"] == ["flight: delay 1", "flight: delay 2"]


def test_finished_logs_are_sealed_and_stay_readable(
    served_home: Path, serve: Servers, wait_until: Wait
) -> None:
    server = serve(served_home)
    with Client(home=served_home) as client:
        ids = [client.score("flight", rows(10))["prediction_id"] for _ in range(3)]

        def logged() -> int:
            return sum(period["rows"] for period in client.performance("flight")["periods"])

        wait_until(lambda: logged() == 30)
        os.kill(server.ready.scoring_pid, signal.SIGKILL)
        wait_until(lambda: answers(server.ready.data))
        wait_until(lambda: logged() == 31)
    assert server.end() == 0
    with tidegate.open(served_home) as verbs:
        seal_finished(verbs)
        sealed = verbs.registry.segments.all("predictions", "flight")
        assert sorted(segment.rows for segment in sealed) == [1, 30]
        for segment in sealed:
            assert (served_home / segment.path).is_file()
        assert list((served_home / "predictions" / "flight").glob("*.arrows")) == []
        assert len(verbs.lineage(ids[2])["prediction"]["rows"]) == 10
        seal_finished(verbs)
        assert verbs.registry.segments.all("predictions", "flight") == sealed


def test_scoring_outlives_control_and_is_adopted(served_home: Path, serve: Servers, wait_until: Wait) -> None:
    first = serve(served_home)
    first.end(signal.SIGKILL)
    assert answers(first.ready.data)
    second = serve(served_home)
    assert second.ready.scoring_pid == first.ready.scoring_pid
    assert second.ready.data == first.ready.data
    with Client(home=served_home) as client:
        client.set_traffic("flight", {"2": 1.0})
        assert client.score("flight", rows(1))["version"] == "2"
        os.kill(second.ready.scoring_pid, signal.SIGKILL)
        wait_until(lambda: answers(second.ready.data))
        assert client.score("flight", rows(1))["version"] == "2"
    assert second.end() == 0


def test_what_a_second_server_is_told(served_home: Path, serve: Servers, tmp_path: Path) -> None:
    server = serve(served_home)
    with pytest.raises(HomeLockedError, match=f"held by process {server.ready.pid}"):
        tidegate.open(served_home)
    other = Path(tidegate.init(tmp_path / "other")["home"])
    port = server.ready.data.rpartition(":")[2]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tidegate",
            "serve",
            "--home",
            str(other),
            "--port",
            port,
            "--control-port",
            "0",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"error: 127.0.0.1:{port} is in use")
    assert answers(server.ready.data)


def test_a_taken_management_port_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "tidegate", "serve", "--home", str(home), "--control-port", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"127.0.0.1:{port} is in use" in done.stderr


def test_an_empty_home_is_served_and_filled(trial: Path, serve: Servers, reference: Path) -> None:
    serve(trial)
    with Client(home=trial) as client:
        client.create_model("delay")
        made = client.register_model_file("delay", DATA / "mixed.onnx", reference)
        with pytest.raises(ConflictError, match="is version 1 of model delay already"):
            client.register_model_file("delay", DATA / "mixed.onnx", reference)
        client.create_endpoint("flight", "delay")
        client.set_traffic("flight", {made["version"]: 1.0})
        assert client.score("flight", rows(5))["rows"] == 5


def test_quickstart(tmp_path: Path, reference: Path) -> None:
    ports = ("--port", "0", "--admin-port", "0", "--control-port", "0")
    arguments = ["quickstart", str(DATA / "mixed.onnx"), "--reference", str(reference), "--no-wait", *ports]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tidegate", *arguments, *more],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert "require_production = false" in done.stdout
    assert not load(tmp_path / ".tidegate").require_production
    assert "endpoint mixed: version 1 answers" in done.stdout
    assert "drift counts 1 rows of version 1" in done.stdout
    assert "curl -s http://127.0.0.1:" in done.stdout
    again = json.loads(run("--json").stdout)
    assert (again["answer"]["version"], again["drift"][0]["rows"]) == ("1", 2)
    refused = run("--reference", "none.parquet")
    assert (refused.returncode, refused.stderr) == (2, "error: there is no file none.parquet\n")


def test_quickstart_lets_nothing_past_the_gates_of_a_home_that_has_them(home: Path, reference: Path) -> None:
    arguments = [str(DATA / "mixed.onnx"), "--reference", str(reference), "--no-wait", "--home", str(home)]
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", "quickstart", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "version 1 of mixed is in development and may not answer" in done.stderr
    assert "first: tidegate version promote mixed 1 uat" in done.stderr


def test_what_people_read(served_home: Path, serve: Servers, wait_until: Wait) -> None:
    serve(served_home)

    def shown(*arguments: str, text: str | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tidegate", *arguments, "--home", str(served_home)],
            capture_output=True,
            text=True,
            check=False,
            input=text,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    scored = shown("score", "flight", "--routing-key", "N1", text=json.dumps(rows(30)))
    assert "30 rows by delay version" in scored
    assert "... and 10 more" in scored
    prediction = scored.split()[1].removesuffix(":")
    label = {"prediction_id": prediction, "row": 0, "label": True}
    assert shown("feedback", "--endpoint", "flight", text=json.dumps(label)) == "1 labels accepted\n"
    assert "100.00%" not in shown("status")
    assert "(score)" in shown("drift", "flight", "--all")
    with Client(home=served_home) as client:
        wait_until(lambda: client.performance("flight")["periods"])
    assert "labelled" in shown("performance", "flight", "--by", "day")
    told = shown("lineage", prediction)
    for name in (
        "endpoint    flight, generation 1",
        "dataset     delay-reference 1, 500 rows",
        "recipe",
        "code",
    ):
        assert name in told
