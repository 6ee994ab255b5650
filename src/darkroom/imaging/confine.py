"""What a process may still ask of the kernel: memory, and to read and write what it has open.

A limit on descriptors alone does not hold a decoder that a picture has taken over: it may close
one and open something else in its place, and removing, renaming or killing needs none. So the
kernel is told to refuse every call that decoding has no need of (seccomp). A kernel that cannot,
or a processor whose calls are not listed here, leaves the limits as the only wall.
"""

import ctypes
import os
import resource
import struct
from collections.abc import Iterable, Mapping
from errno import EPERM
from typing import Final

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | EPERM

_LOAD: Final = 0x20  # a word of struct seccomp_data, by its offset
_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_AT_NUMBER: Final = 0
_AT_ARCHITECTURE: Final = 4


_ARCHITECTURES: Mapping[str, tuple[int, int]] = {
    "x86_64": (0xC000003E, 0),
    "aarch64": (0xC00000B7, 1),
}
"""By machine: its number in the kernel's audit, and its column in the table of calls."""

_CALLS: Mapping[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "sendto": (44, 206),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "futex": (202, 98),
    "clock_gettime": (228, 113),
    "getrandom": (318, 278),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def confine() -> bool:
    """Give up opening, creating, connecting, starting and killing, for good.

    Needs PR_SET_NO_NEW_PRIVS to be set.

    Returns:
        Whether the kernel enforces it; if not, only descriptors have been given up.

    Source: Linux's Documentation/userspace-api/seccomp_filter.rst; the numbers are those of
    arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    machine = _ARCHITECTURES.get(os.uname().machine)
    if machine is None:
        return False
    architecture, column = machine
    code = _code(architecture, [numbers[column] for numbers in _CALLS.values()])
    held = ctypes.create_string_buffer(code)
    program = _Program(len(code) // 8, ctypes.addressof(held))
    kernel = ctypes.CDLL(None)
    return kernel.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0


def _code(architecture: int, numbers: Iterable[int]) -> bytes:
    """Refuse other architectures' calls and all but *numbers*, in the kernel's filter language."""
    allowed = tuple(_step(_EQUAL, number, miss=1) + _step(_RETURN, _ALLOW) for number in numbers)
    return b"".join(
        (
            _step(_LOAD, _AT_ARCHITECTURE),
            _step(_EQUAL, architecture, hit=1),
            _step(_RETURN, _REFUSE),
            _step(_LOAD, _AT_NUMBER),
            *allowed,
            _step(_RETURN, _REFUSE),
        )
    )


def _step(code: int, value: int, *, hit: int = 0, miss: int = 0) -> bytes:
    return struct.pack("=HBBI", code, hit, miss, value)
