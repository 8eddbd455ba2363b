"""The home: made whole or not at all, held by one process, and no crash blocks the next start."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.errors import ConflictError, HomeLockedError, HomeMissingError, RegistryError, UnavailableError
from tidegate.store import Database, Home
from tidegate.store.home import is_home

Spawn = Callable[..., "subprocess.Popen[str]"]


def nothing(home: Home, database: Database) -> None:
    """The furnishing of a home that needs no owner."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Home.init(tmp_path / "home", nothing, "# settings\n")
    return tmp_path / "home"


def test_a_new_home_has_the_documented_folders_and_secret_keys(root: Path) -> None:
    names = {entry.name for entry in root.iterdir()}
    assert names >= {"artifacts", "deployments", "predictions", "labels", "drift", "features", "jobs"}
    assert names >= {"registry.db", "tidegate.toml", "node.key", "pepper.key", "lock"}
    assert (root / "tidegate.toml").read_text() == "# settings\n"
    for key in ("node.key", "pepper.key"):
        assert stat.S_IMODE((root / key).stat().st_mode) == 0o600
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    with Home.open(root) as home:
        assert len(home.pepper()) == 64
        assert home.node_key().startswith("tgn_")
        home.database().close()


def test_two_homes_have_nothing_secret_in_common(tmp_path: Path, root: Path) -> None:
    Home.init(tmp_path / "other", nothing)
    for key in ("node.key", "pepper.key"):
        assert (root / key).read_bytes() != (tmp_path / "other" / key).read_bytes()


def test_an_existing_home_is_not_made_again(root: Path) -> None:
    before = (root / "node.key").read_bytes()
    with pytest.raises(ConflictError, match="is a home already"):
        Home.init(root, nothing)
    assert (root / "node.key").read_bytes() == before


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ConflictError, match=r"is not empty: it holds notes\.txt"):
        Home.init(tmp_path, nothing)
    with pytest.raises(ConflictError, match="exists and is no folder"):
        Home.init(tmp_path / "notes.txt", nothing)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_can_become_a_home(tmp_path: Path) -> None:
    Home.init(tmp_path, nothing)
    Home.open(tmp_path).close()


@pytest.mark.parametrize("existed", [False, True])
def test_a_home_whose_furnishing_fails_was_never_there(tmp_path: Path, existed: bool) -> None:
    path = tmp_path / "home"
    if existed:
        path.mkdir()

    def fail(home: Home, database: Database) -> None:
        raise UnavailableError("no owner today")

    with pytest.raises(UnavailableError, match="no owner today"):
        Home.init(path, fail)
    assert path.exists() == existed
    assert not existed or not any(path.iterdir())
    Home.init(path, nothing)


def test_a_crash_while_a_home_is_made_leaves_none_and_the_next_attempt_succeeds(
    tmp_path: Path, spawn: Spawn
) -> None:
    code = """
import os, pathlib, signal, sys
from tidegate.store import Home
Home.init(pathlib.Path(sys.argv[1]), lambda home, database: os.kill(os.getpid(), signal.SIGKILL))
"""
    child = spawn(code, tmp_path / "home")
    assert child.wait() == -9
    assert (tmp_path / "home" / "registry.db").exists()
    assert not is_home(tmp_path / "home")
    with pytest.raises(HomeMissingError):
        Home.open(tmp_path / "home")
    Home.init(tmp_path / "home", nothing)
    Home.open(tmp_path / "home").close()


def test_a_missing_home_names_the_command_that_makes_one(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(HomeMissingError, match=f"make one with: tidegate init --home {path}"):
            Home.open(path)
    assert not any(tmp_path.iterdir())


def test_a_home_without_its_registry_is_no_missing_home(root: Path) -> None:
    (root / "audit.jsonl").touch()
    (root / "registry.db").unlink()
    with pytest.raises(RegistryError, match="REGISTRY_MISSING"):
        Home.open(root)


def test_a_home_is_held_by_one_and_free_when_that_one_ends_or_dies(root: Path, spawn: Spawn) -> None:
    code = """
import pathlib, sys
from tidegate.store import Home
home = Home.open(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
"""
    for kill in (False, True):
        child = spawn(code, root)
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(HomeLockedError, match=f"is held by process {child.pid}$"):
            Home.open(root)
        with pytest.raises(ConflictError):
            Home.init(root, nothing)
        if kill:
            child.kill()
            child.wait()
        else:
            child.communicate("\n")
        Home.open(root).close()


def test_a_home_is_held_within_a_process_too(root: Path) -> None:
    with Home.open(root) as home:
        with pytest.raises(HomeLockedError, match=f"held by process {os.getpid()}"):
            Home.open(root)
        home.close()
        Home.open(root).close()


def test_the_lock_is_not_handed_down_to_child_processes(root: Path, spawn: Spawn) -> None:
    with Home.open(root):
        child = spawn("print('up', flush=True); input()")
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
    Home.open(root).close()


def test_opening_clears_half_written_artifacts(root: Path) -> None:
    (root / "artifacts" / "tmp").mkdir()
    (root / "artifacts" / "tmp" / "torn").touch()
    with Home.open(root):
        assert not any((root / "artifacts" / "tmp").iterdir())


def test_a_home_that_cannot_be_locked_is_refused_by_name(root: Path) -> None:
    (root / "lock").unlink()
    (root / "lock").mkdir()
    with pytest.raises(UnavailableError, match=f"{root} can't be locked: Is a directory"):
        Home.open(root)
