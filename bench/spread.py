"""Scratch folders that do not slow each other down.

On ext4 without a journal, creating a file looks at every inode deleted within the last minutes
in its block group, one by one: after a few thousand deletions a creation takes 500 µs instead
of 25. New folders normally share their parent's group; below a folder marked as the top of a
hierarchy (`chattr +T`) each gets a group of its own.

Source: Linux, fs/ext4/ialloc.c, `recently_deleted` and `find_group_orlov`.
"""

import fcntl
import os
import struct
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

_GET_FLAGS, _SET_FLAGS = 0x8008_6601, 0x4008_6602
_TOP_OF_HIERARCHY = 0x0002_0000
FILES = 200
FLUSHES, FLUSH_BYTES = 50, 16_384


def folder(parent: Path, name: str) -> Path:
    """A new folder below *parent*, away from what was deleted there before."""
    parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # another file system: nothing to do
        _mark(parent)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent.absolute()))


def file_creation_us(parent: Path, size_bytes: int) -> float:
    """Time to write and rename one file of *size_bytes* below *parent*, in µs.

    The files stay, because deleting them would slow the next creations down.
    """
    timing = Path(tempfile.mkdtemp(prefix="timing-", dir=parent))
    data = bytes(size_bytes)
    began = time.perf_counter()
    for number in range(FILES):
        part = timing / f"{number}.part"
        part.write_bytes(data)
        part.rename(timing / str(number))
    return 1e6 * (time.perf_counter() - began) / FILES


def flush_us(parent: Path) -> float:
    """Time until a few kB more of a file below *parent* are on disk, in µs: the median."""
    page, took = bytes(FLUSH_BYTES), list[float]()
    with tempfile.NamedTemporaryFile(dir=parent, buffering=0) as file:
        for _ in range(FLUSHES):
            file.write(page)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return 1e6 * median(took)


def _mark(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        flags = bytearray(8)
        fcntl.ioctl(handle, _GET_FLAGS, flags)
        (now,) = struct.unpack("l", flags)
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("l", now | _TOP_OF_HIERARCHY))
    finally:
        os.close(handle)
