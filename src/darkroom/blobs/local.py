"""Files of predictions in a folder of this machine."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from darkroom.blobs.lanes import Lanes
from darkroom.domain.errors import FileMissing, FilesUnavailable

LANES = 2  # threads that write, and as many that read
PIECE_BYTES = 256 * 1024

_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{_PART}(/{_PART}){{0,7}}")
_OS_ERROR = re.compile(r"\(os error (\d+)\)")

T = TypeVar("T")


class LocalBlobs:
    """Satisfies `ports.Blobs` with a directory; made and used inside one event loop.

    A key `predictions/<id>/1/0` is the file `predictions/<last two letters of id>/<id>+1+0`:
    making directories costs more than writing a small file, and one for all would grow slow.

    Args:
        folder: made if it is not there.
        fsync: flush every file, and its directory, to the disk before it counts as stored.
    """

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._store = LocalStore(folder, mkdir=True)
        self._fsync = fsync
        self._writing = Lanes(LANES, "files-put")
        self._reading = Lanes(LANES, "files-get")

    def put(self, key: str, data: bytes) -> "asyncio.Future[None]":
        """Store *data*; the first put of a key wins.

        Raises:
            FilesUnavailable: it could not be stored (when awaited).
            ValueError: *key* is not a key (at once).
        """
        path = location(key)
        return self._writing.run(lambda: self._write(path, data), size_bytes=len(data))

    async def get(self, key: str) -> bytes:
        """All bytes of *key*.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read.
        """
        path = location(key)
        return await self._reading.run(
            lambda: _read(lambda: bytes(obstore.get(self._store, path).bytes()))
        )

    async def stream(self, key: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes *start* to *end*, exclusive, in pieces of at most 256 kB.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read.
        """
        path = location(key)
        for at in range(start, end, PIECE_BYTES):
            piece = _piece(self._store, path, at, min(end, at + PIECE_BYTES))
            yield await self._reading.run(piece, size_bytes=PIECE_BYTES)

    async def delete(self, key: str) -> None:
        """Forget *key*, if it is there.

        Raises:
            FilesUnavailable: it could not be removed.
        """
        path = location(key)
        try:
            await self._writing.run(lambda: _read(lambda: obstore.delete(self._store, path)))
        except FileMissing:
            return

    async def close(self) -> None:
        """Finish what was begun and end the threads."""
        await self._writing.close()
        await self._reading.close()

    def _write(self, path: str, data: bytes) -> None:
        try:
            obstore.put(self._store, path, data, mode="create", use_multipart=False)
            if self._fsync:
                self._flush(path)
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as error:
            raise FilesUnavailable(f"the file store does not take files ({_why(error)})") from error

    def _flush(self, path: str) -> None:
        for one in (self._folder / path, (self._folder / path).parent):
            descriptor = os.open(one, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def location(key: str) -> str:
    """Where *key* lies inside the folder.

    Raises:
        ValueError: it is not a key: relative, of plain characters, no part beginning with a dot.
    """
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"{key[:200]!r} is not a key of a file")
    first, _, rest = key.partition("/")
    owner, slash, _ = rest.partition("/")
    return f"{first}/{owner[-2:]}/{rest.replace('/', '+')}" if slash else key


def _piece(store: LocalStore, path: str, start: int, end: int) -> Callable[[], bytes]:
    return lambda: _read(lambda: bytes(obstore.get_range(store, path, start=start, end=end)))


def _read(act: Callable[[], T]) -> T:
    try:
        return act()
    except FileNotFoundError as error:
        raise FileMissing("the file is not stored here any more") from error
    except (BaseError, OSError) as error:
        raise FilesUnavailable(f"the file store does not answer ({_why(error)})") from error


def _why(error: Exception) -> str:
    """The operating system's words without the path, which is nobody's business."""
    number = _OS_ERROR.search(str(error))
    return os.strerror(int(number[1])) if number else type(error).__name__
