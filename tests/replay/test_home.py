"""A replay deletes what replays made, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate.errors import ConflictError
from tidegate.installation import open_home
from tidegate.replay import home
from tidegate.store.server_file import ProcessRef, ServerInfo, write_server


def test_a_new_home_has_the_marker_and_opens(tmp_path: Path) -> None:
    home.make(tmp_path / "home", "pane_rows = 123\n")
    assert home.is_made_by_replay(tmp_path / "home")
    assert (tmp_path / "home" / "registry.db").is_file()
    with open_home(tmp_path / "home") as installation:
        assert installation.settings.pane_rows == 123
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_an_earlier_replay_is_deleted_whole(tmp_path: Path) -> None:
    home.make(tmp_path / "home")
    left = tmp_path / "home" / "predictions" / "half-written.arrows"
    left.write_bytes(b"torn")
    home.make(tmp_path / "home")
    assert not left.exists()
    assert home.is_made_by_replay(tmp_path / "home")


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    home.make(tmp_path / "home")
    assert home.is_made_by_replay(tmp_path / "home")


@pytest.mark.parametrize("marker", [None, "", "[]", '{"made_by": "somebody"}', "\x00"])
def test_what_no_replay_made_is_left_alone(tmp_path: Path, marker: str | None) -> None:
    precious = tmp_path / "mine"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    if marker is not None:
        (precious / home.MARKER).write_text(marker)
    with pytest.raises(ConflictError, match="was not made by a replay"):
        home.make(precious)
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_link_to_a_replays_home_is_none(tmp_path: Path) -> None:
    home.make(tmp_path / "home")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    with pytest.raises(ConflictError, match="was not made by a replay"):
        home.make(tmp_path / "link")
    assert home.is_made_by_replay(tmp_path / "home")


def test_a_server_that_a_killed_replay_left_is_stopped(tmp_path: Path) -> None:
    home.make(tmp_path / "home")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as left:
        info = ServerInfo(
            control=ProcessRef.of(left.pid),
            host="127.0.0.1",
            port=1,
            admin_port=2,
            control_port=3,
            started_at=datetime.now(UTC),
        )
        write_server(tmp_path / "home", info)
        home.make(tmp_path / "home")
        assert left.wait() < 0
    assert not (tmp_path / "home" / "server.json").exists()


def test_a_reused_pid_is_not_stopped(tmp_path: Path) -> None:
    home.make(tmp_path / "home")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        reference = ProcessRef.of(stranger.pid)
        info = ServerInfo(
            control=reference.model_copy(update={"started": reference.started - 1}),
            host="127.0.0.1",
            port=1,
            admin_port=2,
            control_port=3,
            started_at=datetime.now(UTC),
        )
        write_server(tmp_path / "home", info)
        home.make(tmp_path / "home")
        assert stranger.poll() is None
        assert json.loads((tmp_path / "home" / home.MARKER).read_text()) == {"made_by": "tidegate replay"}
        stranger.communicate(b"\n")
