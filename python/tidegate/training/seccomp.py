"""A seccomp filter that lets a process compute and nothing else: every other system call fails with EPERM.

No path can be opened, made, renamed or removed, no socket made, no program run, no process started, traced or
signalled. ``clone`` is let by for threads alone.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_CALLS = {
    # name: (x86_64, aarch64)
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "epoll_wait": (232, 22),  # aarch64 has epoll_pwait alone
    "epoll_pwait": (281, 22),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "getcpu": (309, 168),
    "sysinfo": (99, 179),
    "uname": (63, 160),
}
"""Linux's numbers, from its ``unistd_64.h`` (x86_64) and ``asm-generic/unistd.h`` (aarch64)."""
_CLONE, _CLONE3 = (56, 220), (435, 435)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the tables, and the audit architecture."""

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict(libc: ctypes.CDLL) -> bool:
    """Puts the filter on all threads of this process, for good; False where that can't be done.

    Needs ``PR_SET_NO_NEW_PRIVS`` before it. Everything that is needed must be imported and open.
    """
    machine = platform.machine()
    if machine not in _MACHINES:
        return False
    code = _filter(*_MACHINES[machine])
    program = _Program(len(code) // 8, code)
    arguments = (ctypes.c_long(_SET_MODE_FILTER), ctypes.c_long(_ALL_THREADS), ctypes.byref(program))
    return int(libc.syscall(ctypes.c_long(_SECCOMP[machine]), *arguments)) == 0


def _filter(column: int, architecture: int) -> bytes:
    """The program in classic BPF; a jump counts the instructions that it leaves out."""
    numbers = sorted({numbers[column] for numbers in _CALLS.values()})
    clone, clone3 = _CLONE[column], _CLONE3[column]
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        # glibc makes threads with clone3, whose flags no filter can see, and falls back to clone.
        _step(_EQUAL, clone3, 0, 1),
        _step(_RETURN, _FAIL | errno.ENOSYS),
    ]
    program += [_step(_EQUAL, number, len(numbers) - at + 3, 0) for at, number in enumerate(numbers)]
    return b"".join(
        [
            *program,
            _step(_EQUAL, clone, 0, 2),
            _step(_LOAD, _FIRST_ARGUMENT),
            _step(_ANY_BIT, _CLONE_THREAD, 1, 0),
            _step(_RETURN, _FAIL | errno.EPERM),
            _step(_RETURN, _ALLOW),
        ]
    )


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
