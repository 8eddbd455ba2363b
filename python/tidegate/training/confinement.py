"""Confinement of a worker that sees what nobody else may: it can compute and answer, and nothing else.

Two steps: :func:`isolate` first thing, while the process has one thread; :func:`confine` once everything is
imported and read, before the first secret byte is opened.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Any

from tidegate.training.seccomp import restrict

_PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 1, 3, 4
_PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 38, 39
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def isolate(parent: int) -> bool:
    """Ends with the process ``parent``, can't be dumped or traced, and gets an empty network of its own.

    True when the kernel gave the network namespace. A user namespace comes with it where it may: root
    loses its rights over the machine by it.
    """
    apart = any(_libc.unshare(flags) == 0 for flags in (_CLONE_NEWUSER | _CLONE_NEWNET, _CLONE_NEWNET))
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before
        os._exit(1)
    return apart


def confine(address_space: int, cpu_seconds: int, *, network_namespace: bool) -> dict[str, Any]:
    """Gives up everything but memory, time and the descriptors that are open; returns what held.

    Returns:
        ``no_file_written`` (RLIMIT_FSIZE is 0), ``no_core`` (RLIMIT_CORE is 0), ``no_descriptor`` (none can
        be opened any more), ``address_space`` (bytes) and ``cpu_seconds``, ``not_dumpable``,
        ``no_new_privileges``, ``network_namespace``, ``seccomp``.

    """
    limits = {
        "no_file_written": (resource.RLIMIT_FSIZE, 0),
        "no_core": (resource.RLIMIT_CORE, 0),
        "no_descriptor": (resource.RLIMIT_NOFILE, 3),
        "address_space": (resource.RLIMIT_AS, address_space),
        "cpu_seconds": (resource.RLIMIT_CPU, cpu_seconds),
    }
    held: dict[str, Any] = {}
    for name, (kind, value) in limits.items():
        _, hard = resource.getrlimit(kind)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
        held[name] = least if name in {"address_space", "cpu_seconds"} else least == value
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    held["not_dumpable"] = _prctl(_PR_GET_DUMPABLE) == 0
    held["no_new_privileges"] = _prctl(_PR_GET_NO_NEW_PRIVS) == 1
    held["network_namespace"] = network_namespace
    held["seccomp"] = restrict(_libc)
    return held


def tight(held: dict[str, Any]) -> bool:
    """Whether what held is enough to open a sealed set; the network namespace comes on top where it may."""
    needed = ("no_file_written", "no_core", "no_descriptor", "not_dumpable", "no_new_privileges", "seccomp")
    return all(held.get(name) is True for name in needed)


def _prctl(option: int, value: int = 0) -> int:
    zero = ctypes.c_ulong(0)
    return int(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero))
