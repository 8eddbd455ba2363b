from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tidegate.errors import NotFoundError, PortInUseError, PreconditionError, UnavailableError
from tidegate.serving import Announcements, Supervisor
from tidegate.store import ProcessRef, ServerInfo

DOUBLE = f"exec(open({str(Path(__file__).with_name('scoring_double.py'))!r}).read())"


class Bench:
    """Makes supervisors over one folder and ends what they leave running."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen: list[ProcessRef] = []
        self.audit: list[dict[str, Any]] = []
        (home / "deployments").mkdir()

    def supervisor(self, **settings: Any) -> Supervisor:
        base = {
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "control": "http://127.0.0.1:1",
            "home": str(self.home),
        }
        return Supervisor(
            base | {"drain_seconds": 5} | settings,
            Announcements(self.home / "deployments"),
            remember=self.seen.append,
            record=lambda action, details: self.audit.append({"action": action} | details),
            launcher=DOUBLE,
        )

    def info(self, supervisor: Supervisor) -> ServerInfo:
        port, admin = (int(supervisor.settings[name].rpartition(":")[2]) for name in ("listen", "admin"))
        return ServerInfo(
            control=ProcessRef.of(),
            scoring=self.seen[-1],
            host="127.0.0.1",
            port=port,
            admin_port=admin,
            control_port=1,
            started_at=datetime.now(UTC),
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    for ref in made.seen:
        if ref.alive():
            os.kill(ref.pid, signal.SIGKILL)


def deployment(generation: int, reason: str = "") -> dict[str, Any]:
    variant = {"model": "delay", "version": "3", "digest": "sha256:3"}
    return {
        "generation": generation,
        "reason": reason,
        "endpoints": [{"name": "flight", "variants": [variant]}],
    }


def test_starts_publishes_and_stops(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start()
    supervisor.publish(deployment(1))
    status = supervisor.status()
    assert status is not None
    assert status["generation"] == 1
    assert supervisor.counts("flight-delay") == b"counts"
    with pytest.raises(NotFoundError, match="'other'"):
        supervisor.counts("other")
    assert supervisor.stop()
    assert not bench.seen[-1].alive()


def test_who_waits_for_a_version_to_go_is_told_when_it_has(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = bench.supervisor()
    supervisor.start()
    supervisor.publish(deployment(1))
    supervisor.until_gone("sha256:2")
    with monkeypatch.context() as impatient:
        impatient.setattr("tidegate.serving.supervisor.START_SECONDS", 0.1)
        with pytest.raises(UnavailableError, match="let go of sha256:3"):
            supervisor.until_gone("sha256:3")
    waiting = threading.Thread(target=supervisor.until_gone, args=["sha256:3"])
    waiting.start()
    supervisor.publish(deployment(2) | {"endpoints": []})
    waiting.join(timeout=15)
    assert not waiting.is_alive()
    supervisor.stop()


def test_a_refused_deployment_is_an_error_that_says_why(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start()
    with pytest.raises(PreconditionError, match=r"generation 1 was refused.*the double refuses"):
        supervisor.publish(deployment(1, "refuse"))
    supervisor.publish(deployment(2))
    supervisor.stop()


def test_a_deployment_that_kills_the_process_is_given_up(bench: Bench) -> None:
    supervisor = bench.supervisor()
    supervisor.start()
    with pytest.raises(PreconditionError, match="died twice while it installed generation 1"):
        supervisor.publish(deployment(1, "crash"))
    supervisor.stop()


def test_a_killed_process_comes_back_and_is_blamed(bench: Bench, wait_until: Callable[..., None]) -> None:
    supervisor = bench.supervisor()
    supervisor.start()
    supervisor.publish(deployment(1))
    first = bench.seen[-1]
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: len(bench.seen) == 2 and supervisor.status() is not None)
    assert bench.seen[-1].pid != first.pid
    assert bench.audit == [
        {
            "action": "scoring.died",
            "pid": first.pid,
            "ending": "was killed by SIGKILL",
            "generation": 1,
            "ran": ["flight: delay 3"],
            "suspect": "delay 3",
            "certain": False,
        }
    ]
    supervisor.stop()


def test_a_survivor_is_adopted(bench: Bench, wait_until: Callable[..., None]) -> None:
    # A supervisor that is never stopped stands for a control process that was killed.
    left = bench.supervisor()
    left.start()
    info = bench.info(left)
    left._stopping.set()
    after = bench.supervisor()
    after.start(info)
    assert after.about()["pid"] == info.scoring.pid
    assert after.settings["admin"] == left.settings["admin"]
    os.kill(info.scoring.pid, signal.SIGKILL)
    left._process._child.wait()
    wait_until(lambda: after.status() is not None)
    assert bench.audit[-1]["pid"] == info.scoring.pid
    after.stop()


def test_a_survivor_that_follows_another_control_is_replaced(bench: Bench) -> None:
    left = bench.supervisor()
    left.start()
    info = bench.info(left)
    left._stopping.set()
    after = bench.supervisor(control="http://127.0.0.1:2")
    after.start(info)
    assert after.about()["pid"] != info.scoring.pid
    assert not info.scoring.alive()
    left._process._child.wait()
    after.stop()


def test_a_taken_port_is_named_before_anything_starts(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(PortInUseError, match=address):
            bench.supervisor(admin=address).start()
    assert bench.seen == []


def test_a_process_that_does_not_come_up_is_an_error_with_its_last_words(bench: Bench) -> None:
    with pytest.raises(UnavailableError, match=r"ended with exit code 1.*the double was told to fail"):
        bench.supervisor(fail_at_start=True).start()
