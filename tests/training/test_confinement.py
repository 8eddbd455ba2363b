"""Confinement: a confined process tries to get something out in every way that we know, and fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Spawn = Callable[..., Any]
NOBODY = 65534

BREAK_OUT = """
import ctypes, json, mmap, os, resource, socket, subprocess, sys, threading
from pathlib import Path
from tidegate.training import confinement

apart = confinement.isolate(os.getppid())
folder = Path(sys.argv[1])
opened = (folder / "opened").open("wb", buffering=0)
(folder / "there").write_text("x")
libc = ctypes.CDLL(None, use_errno=True)
machine = os.uname().machine
import numpy
held = confinement.confine(4 << 30, 60, network_namespace=apart)

def raw(*numbers):
    def call():
        number = numbers[0] if machine == "x86_64" else numbers[1]
        if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, numbers[2:])) < 0:
            raise OSError(ctypes.get_errno(), "refused")
    return call

def raised():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

def dumpable():
    if libc.prctl(4, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "refused")

ways = {
    "write to a file that is open": lambda: opened.write(b"row"),
    "truncate": lambda: os.ftruncate(opened.fileno(), 4096),
    "open for writing": lambda: (folder / "new").open("w"),
    "open for reading": lambda: open("/etc/passwd"),
    "touch an empty file whose name says it": lambda: (folder / "name").touch(),
    "folder": lambda: (folder / "folder").mkdir(),
    "symbolic link": lambda: (folder / "link").symlink_to("a row"),
    "hard link": lambda: os.link(folder / "there", folder / "again"),
    "rename": lambda: (folder / "there").rename(folder / "said"),
    "unlink": lambda: (folder / "there").unlink(),
    "mode": lambda: (folder / "there").chmod(0o777),
    "times": lambda: os.utime(folder / "there", (1, 1)),
    "attribute": lambda: os.setxattr(folder / "there", "user.row", b"1"),
    "fifo": lambda: os.mkfifo(folder / "fifo"),
    "internet socket": lambda: socket.socket(),
    "unix socket": lambda: socket.socketpair(),
    "fork": lambda: os.fork() or os._exit(0),
    "program": lambda: os.execv("/bin/true", ["true"]),
    "child": lambda: subprocess.run(["/bin/true"]),
    "signal": lambda: os.kill(os.getppid(), 0),
    "trace": raw(101, 117, 16, os.getppid(), 0, 0),
    "read the parent's memory": raw(310, 270, os.getppid(), 0, 0, 0, 0, 0),
    "namespace": raw(272, 97, 0x10000000),
    "io_uring": raw(425, 425, 1, 0),
    "memory file": lambda: os.memfd_create("rows"),
    "shared memory": raw(29, 194, 1, 4096, 0o1000),
    "message queue": raw(68, 186, 1, 0o1000),
    "key ring": raw(250, 219, 0, 0),
    "duplicate descriptor": lambda: os.dup(1),
    "raise a limit": raised,
    "be dumpable again": dumpable,
}
said = {}
for name, way in ways.items():
    try:
        way()
        said[name] = "done"
    except BaseException as error:
        said[name] = type(error).__name__

made = []
thread = threading.Thread(target=lambda: made.append(float(numpy.ones((64, 64)).dot(numpy.ones(64)).sum())))
thread.start()
thread.join()
os.write(1, json.dumps({"held": held, "said": said, "made": made}).encode())
os._exit(0)
"""


def test_a_confined_process_computes_and_does_nothing_else(tmp_path: Path, spawn: Spawn) -> None:
    output, _ = spawn(BREAK_OUT, tmp_path).communicate(timeout=60)
    found = json.loads(output)
    done = [name for name, how in found["said"].items() if how == "done"]
    assert done == []
    assert len(found["said"]) == 31
    assert found["made"] == [64.0 * 64.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opened", "there"]
    assert (tmp_path / "opened").read_bytes() == b""
    held = found["held"]
    namespace = held.pop("network_namespace")
    assert isinstance(namespace, bool)
    assert held == {
        "no_file_written": True,
        "no_core": True,
        "no_descriptor": True,
        "address_space": 4 << 30,
        "cpu_seconds": 60,
        "not_dumpable": True,
        "no_new_privileges": True,
        "seccomp": True,
    }


CALL_OUT = """
import os, socket, sys
from tidegate.training import confinement

apart = confinement.isolate(os.getppid()) if sys.argv[2] == "isolated" else False
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
    print(apart, "connected", flush=True)
except OSError:
    print(apart, "refused", flush=True)
"""


def test_the_namespace_alone_cuts_the_network(spawn: Spawn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert spawn(CALL_OUT, port, "free").communicate(timeout=60)[0] == "False connected\n"
        said = spawn(CALL_OUT, port, "isolated").communicate(timeout=60)[0]
    # Where the kernel gives none, nothing is claimed, and the filter cuts the network.
    gives = any(
        subprocess.run(["unshare", *flags, "true"], capture_output=True, check=False).returncode == 0
        for flags in (["--user", "--net"], ["--net"])
    )
    assert said == ("True refused\n" if gives else "False connected\n")


WAIT = """
import ctypes, os, sys
from tidegate.training import confinement

if sys.argv[2] != "same":  # after the imports, which this user may not be able to read
    os.setuid(int(sys.argv[2]))
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, which a change of the user takes away
if sys.argv[1] != "free":
    apart = confinement.isolate(os.getppid())
if sys.argv[1] == "confined":
    confinement.confine(4 << 30, 60, network_namespace=apart)
print("ready", flush=True)
if sys.stdin.readline() == "abort\\n":
    os.abort()
"""


def started(how: str, user: int | None) -> subprocess.Popen[str]:
    package = Path(__file__).resolve().parents[2] / "python"
    child = subprocess.Popen(
        [sys.executable, "-c", WAIT, how, "same" if user is None else str(user)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if child.stdout is None or child.stdout.readline() != "ready\n":
        child.kill()
        child.communicate()
        pytest.fail("the process did not get ready")
    return child


@pytest.mark.parametrize(("how", "readable"), [("free", True), ("isolated", False), ("confined", False)])
def test_its_memory_is_closed_to_its_own_user(how: str, readable: bool) -> None:
    """``environ`` asks for less than ``mem`` does: what refuses the one refuses the other."""
    user = NOBODY if os.geteuid() == 0 else None
    child = started(how, user)
    try:
        look = subprocess.run(
            ["cat", f"/proc/{child.pid}/environ"], user=user, cwd="/", capture_output=True, check=False
        )
        assert (look.returncode == 0) is readable
        assert bool(look.stdout) is readable
    finally:
        child.kill()
        child.communicate()


def test_a_crash_leaves_no_core() -> None:
    child = started("confined", None)
    if child.stdin is None or child.stdout is None:
        raise AssertionError
    child.stdin.write("abort\n")
    child.stdin.flush()
    _, status = os.waitpid(child.pid, 0)
    child.returncode = -1
    child.stdin.close()
    child.stdout.close()
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)


STAYS = """
import os, threading
from tidegate.training import confinement

confinement.isolate(os.getppid())
print("ready", flush=True)
threading.Event().wait(30)
"""
PARENT = """
import subprocess, sys

child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_it_is_killed_with_its_parent(spawn: Spawn, wait_until: Callable[..., None]) -> None:
    parent = spawn(PARENT, STAYS)
    told = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
    (pid,) = told - {"ready"}
    parent.kill()

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    wait_until(gone)


def test_it_ends_at_once_when_its_parent_is_gone(spawn: Spawn) -> None:
    child = spawn("from tidegate.training.confinement import isolate; isolate(1); print('alive', flush=True)")
    assert child.communicate(timeout=60)[0] == ""
    assert child.returncode == 1
