"""How a file comes into the folder: under another name, then linked, so that none is ever half."""

import hashlib
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from darkroom.blobs.lanes import Lanes
from darkroom.domain.errors import FilesUnavailable
from darkroom.ports.files import Digests


@contextmanager
def taking() -> Generator[None]:
    """Tell faults of the disk as FilesUnavailable, without paths."""
    try:
        yield
    except OSError as error:
        raise FilesUnavailable(f"the file store does not take files ({error.strerror})") from error


def beside(path: str) -> str:
    """A name of its own in the same folder."""
    return f"{path}~{secrets.token_hex(4)}"


def made(path: str) -> int:
    """A new file, its folders made if need be."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def write_all(file: int, data: bytes) -> None:
    """Write *data* to the end."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def show(file: int, aside: str, path: str, *, fsync: bool) -> None:
    """Close a whole file and give it its name; if that is taken, the one that has it stays.

    Whatever fails, the name *aside* is gone.
    """
    try:
        _shut(file, fsync=fsync)
        os.link(aside, path)
    except FileExistsError:
        return
    finally:
        os.unlink(aside)
    if fsync:
        _shut(os.open(Path(path).parent, os.O_RDONLY), fsync=True)


def drop(file: int, aside: str) -> None:
    """Close a file that will not be whole, and remove it."""
    try:
        os.close(file)
    finally:
        os.unlink(aside)


def _shut(file: int, *, fsync: bool) -> None:
    try:
        if fsync:
            os.fsync(file)
    finally:
        os.close(file)


class Arrival:
    """Satisfies BlobWriter with a file: written and hashed in a lane, a piece at a time.

    Args:
        path: where the file is to show.
        lanes: threads that write.
        fsync: flush it to the disk before it shows.
    """

    def __init__(self, path: str, lanes: Lanes, *, fsync: bool) -> None:
        self._path = path
        self._aside = beside(path)
        self._lanes = lanes
        self._fsync = fsync
        self._file: int | None = None
        self._over = False
        # Whoever awaits a piece may be canceled while a thread still writes it.
        self._lock = Lock()
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def add(self, piece: bytes) -> None:
        """Append *piece*.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        await self._lanes.run(lambda: self._append(piece), size_bytes=len(piece))

    async def finish(self) -> Digests:
        """Let the key show all of it.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        await self._lanes.run(self._show)
        return Digests(
            size_bytes=self._size, sha256=self._sha256.hexdigest(), md5=self._md5.hexdigest()
        )

    async def abandon(self) -> None:
        """Forget what was added."""
        await self._lanes.run(self._forget)

    def _append(self, piece: bytes) -> None:
        with self._lock, taking():
            if self._over:
                return
            if self._file is None:
                self._file = made(self._aside)
            write_all(self._file, piece)
            self._size += len(piece)
            self._sha256.update(piece)
            self._md5.update(piece)

    def _show(self) -> None:
        self._append(b"")  # an empty file is a file too
        with self._lock, taking():
            if self._file is None or self._over:
                return
            file, self._file, self._over = self._file, None, True
            show(file, self._aside, self._path, fsync=self._fsync)

    def _forget(self) -> None:
        with self._lock, suppress(OSError):
            self._over = True
            if self._file is not None:
                file, self._file = self._file, None
                drop(file, self._aside)
