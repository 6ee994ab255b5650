"""Files of predictions in a folder of this machine.

Plain files, without a library between: every change of thread costs a waiting client more than
reading or writing a small file does, so small ones are read and written where they are asked for.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from darkroom.blobs.keys import checked
from darkroom.blobs.lanes import Lanes
from darkroom.blobs.reading import Opened
from darkroom.blobs.shelves import shelf_page
from darkroom.blobs.writing import Arrival, beside, drop, made, show, taking, write_all
from darkroom.domain.errors import FileMissing, FilesUnavailable
from darkroom.ports.buckets import ShelfPage
from darkroom.ports.files import BlobWriter

LANES = 2  # threads that write, and as many that read
SMALL_BYTES = 256 * 1024  # read or written in about 100 µs
PIECE_BYTES = 256 * 1024

T = TypeVar("T")


class LocalBlobs:
    """Satisfies `ports.Blobs` and `Shelf` with a directory; made and used inside one event loop.

    A key `predictions/<id>/1/0` is the file `predictions/<last two letters of id>/<id>+1+0`:
    making directories costs more than writing a small file, and one for all would grow slow.

    Args:
        folder: made if it is not there.
        fsync: flush every file, and its directory, to the disk before it counts as stored.
    """

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._root = f"{folder.absolute()}/"
        self._fsync = fsync
        self._writing = Lanes(LANES, "files-put")
        self._reading = Lanes(LANES, "files-get")

    def put(self, key: str, data: bytes) -> "asyncio.Future[None]":
        """Store *data*; the first put of a key wins.

        Raises:
            FilesUnavailable: it could not be stored (when awaited).
            ValueError: *key* is not a key (at once).
        """
        path = f"{self._root}{location(key)}"
        if self._fsync or len(data) > SMALL_BYTES:
            return self._writing.run(lambda: self._write(path, data), size_bytes=len(data))
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            stored.set_result(self._write(path, data))
        except FilesUnavailable as error:
            stored.set_exception(error)
        return stored

    async def get(self, key: str) -> bytes:
        """All bytes of *key*.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read.
        """
        path = f"{self._root}{location(key)}"
        data = _told(lambda: _head(path))
        if len(data) <= SMALL_BYTES:
            return data
        return await self._reading.run(lambda: _told(Path(path).read_bytes))

    async def size_bytes(self, key: str) -> int:
        """How large the file at *key* is.

        Raises:
            FileMissing: there is none.
            FilesUnavailable: the folder cannot be read.
        """
        path = f"{self._root}{location(key)}"
        return _told(lambda: os.stat(path).st_size)  # some microseconds

    async def stream(self, key: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes *start* to *end*, exclusive, in pieces of at most 256 kB.

        Once the first piece is there the others come, also if the key is forgotten meanwhile.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read.
        """
        opened = Opened(f"{self._root}{location(key)}")
        try:
            for at in range(start, end, PIECE_BYTES):
                piece = _piece(opened, at, min(end - at, PIECE_BYTES))
                yield await self._reading.run(piece, size_bytes=PIECE_BYTES)
        finally:
            opened.close()

    async def delete(self, key: str) -> None:
        """Forget *key*, if it is there.

        Raises:
            FilesUnavailable: it could not be removed.
        """
        path = f"{self._root}{location(key)}"
        await self._writing.run(lambda: _told(lambda: Path(path).unlink(missing_ok=True)))

    def writer(self, key: str) -> BlobWriter:
        """Write *key* piece by piece; the first to finish a key wins."""
        return Arrival(f"{self._root}{location(key)}", self._writing, fsync=self._fsync)

    async def delete_under(self, prefix: str) -> None:
        """Forget all keys that begin with *prefix* and a slash, and what half-written is left.

        Args:
            prefix: two parts of a key, such as `predictions/<id>`.

        Raises:
            FilesUnavailable: one of them could not be removed.
        """
        folder, _, first = location(f"{prefix}/0").rpartition("/")
        stem = first.removesuffix("0")
        await self._writing.run(lambda: _told(lambda: _swept(f"{self._root}{folder}", stem)))

    async def page(self, after: str | None) -> ShelfPage:
        """All files of one of the many folders; pages come in the order of folders' names.

        Raises:
            FilesUnavailable: the folder cannot be read.
        """
        return await self._reading.run(lambda: _told(lambda: shelf_page(self._root, after)))

    async def discard(self, names: Sequence[str]) -> None:
        """Delete files by the names that a page gave.

        Raises:
            FilesUnavailable: one of them could not be removed.
        """
        for name in names:
            path = Path(f"{self._root}{name}")
            await self._writing.run(lambda one=path: _told(lambda: one.unlink(missing_ok=True)))

    async def close(self) -> None:
        """Finish what was begun and end the threads."""
        await self._writing.close()
        await self._reading.close()

    def _write(self, path: str, data: bytes) -> None:
        """Write under a name of its own, then link: the key shows nothing or all, once."""
        with taking():
            aside = beside(path)
            file = made(aside)
            try:
                write_all(file, data)
            except OSError:
                drop(file, aside)
                raise
            show(file, aside, path, fsync=self._fsync)


def _swept(folder: str, stem: str) -> None:
    """Delete whatever begins with *stem*."""
    try:
        found = [one.path for one in os.scandir(folder) if one.name.startswith(stem)]
    except FileNotFoundError:
        return
    for path in found:
        Path(path).unlink(missing_ok=True)


def _head(path: str) -> bytes:
    """The file up to one byte more than a small one has."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, SMALL_BYTES + 1)
    finally:
        os.close(file)


def _piece(opened: Opened, start: int, size: int) -> Callable[[], bytes]:
    return lambda: _told(lambda: opened.piece(start, size))


def _told(act: Callable[[], T]) -> T:
    try:
        return act()
    except FileNotFoundError as error:
        raise FileMissing("the file is not stored here") from error
    except OSError as error:
        raise FilesUnavailable(f"the file store does not answer ({error.strerror})") from error


def location(key: str) -> str:
    """Where *key* lies inside the folder.

    Raises:
        ValueError: it is not a key: relative, of plain characters, no part beginning with a dot.
    """
    first, _, rest = checked(key).partition("/")
    owner, slash, _ = rest.partition("/")
    return f"{first}/{owner[-2:]}/{rest.replace('/', '+')}" if slash else key
