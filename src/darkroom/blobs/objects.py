"""Files of predictions in an object store: a bucket, or memory for tests.

Only the library's synchronous calls are used, in threads of our own. Its asynchronous ones abort a
process (SIGABRT) that ends soon after one: their threads touch the interpreter while it finishes.

Source: PyO3/pyo3-async-runtimes#40.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import obstore
import structlog
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    UnauthenticatedError,
)

from darkroom.blobs.keys import checked
from darkroom.domain.errors import FileMissing, FilesUnavailable
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.buckets import Lying, ShelfPage
from darkroom.ports.files import BlobWriter, Digests

if TYPE_CHECKING:
    from obstore.store import MemoryStore, S3Store

THREADS = 16
PIECE_BYTES = 2**20
"""How much of a file is asked for at a time; a slow reader holds no more."""
PART_BYTES = 8 * 2**20
"""What is written piece by piece and larger than this goes in parts of this size."""
PARTS_AT_ONCE = 2
PAGE_KEYS = 1000
"""What a bucket lists in one answer."""
_TOLD = 500
_PUT_PAUSES = (0.1, 0.5)  # seconds
_PUT_SECONDS = 5.0  # longer takes only a put that the library itself has tried again

T = TypeVar("T")


class ObjectBlobs:
    """Satisfies `ports.Blobs` and `ports.Shelf` with an object store; used inside one event loop.

    Args:
        store: where the objects are; it retries by itself.
    """

    def __init__(self, store: "S3Store | MemoryStore") -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")

    def run(self, act: Callable[[], T]) -> "asyncio.Future[T]":
        """Call *act* in a thread; faults of the store are told as errors of the tree."""
        return asyncio.get_running_loop().run_in_executor(self._threads, _told, act)

    def put(self, key: str, data: bytes) -> "asyncio.Future[None]":
        """Store *data*; the first put of a key wins.

        Raises:
            FilesUnavailable: it could not be stored (when awaited).
            ValueError: *key* is not a key (at once).
        """
        name = checked(key)
        return self.run(lambda: created(self._store, name, data))

    async def get(self, key: str) -> bytes:
        """All bytes of *key*.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read.
        """
        name = checked(key)
        return await self.run(lambda: bytes(obstore.get(self._store, name).bytes()))

    async def stream(self, key: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes *start* to *end*, exclusive, in pieces of at most 1 MiB, each asked for by itself.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read.
        """
        name = checked(key)
        for at in range(start, end, PIECE_BYTES):
            yield await self.run(self._piece(name, at, min(at + PIECE_BYTES, end)))

    def _piece(self, name: str, start: int, end: int) -> Callable[[], bytes]:
        return lambda: bytes(obstore.get_range(self._store, name, start=start, end=end))

    async def delete(self, key: str) -> None:
        """Forget *key*, if it is there.

        Raises:
            FilesUnavailable: it could not be removed.
        """
        await self.discard([checked(key)])

    def writer(self, key: str) -> BlobWriter:
        """Write *key* piece by piece; of two at once the first to finish is meant to win.

        A file of more than one part is looked for before its last part makes it visible: between
        the two a second writer may still slip through.
        """
        return Arrival(self._store, checked(key), self.run)

    async def delete_under(self, prefix: str) -> None:
        """Forget all keys that begin with *prefix* and a slash.

        Raises:
            FilesUnavailable: one of them could not be removed.
        """
        under = checked(prefix)

        def sweep() -> None:
            for found in listing(self._store, under):
                obstore.delete(self._store, [one["path"] for one in found])

        await self.run(sweep)

    async def page(self, after: str | None) -> ShelfPage:
        """A page in the order of keys.

        Raises:
            FilesUnavailable: the store cannot be listed now.
        """
        page = await self.run(lambda: next(iter(listing(self._store, "predictions", after)), ()))
        found = [
            Lying(
                name=one["path"],
                key=one["path"],
                changed_at=Milliseconds(int(one["last_modified"].timestamp() * 1000)),
            )
            for one in page
        ]
        return ShelfPage(found=found, next=found[-1].name if len(found) == PAGE_KEYS else None)

    async def discard(self, names: Sequence[str]) -> None:
        """Delete objects.

        Raises:
            FilesUnavailable: one of them could not be removed.
        """
        if names:
            await self.run(lambda: obstore.delete(self._store, names))

    async def close(self) -> None:
        """Finish what was begun and end the threads."""
        await asyncio.to_thread(self._threads.shutdown)


class Arrival:
    """Satisfies BlobWriter: a small file in one request, a large one in parts.

    Args:
        store: where it goes.
        name: under which key.
        run: calls in a thread.
    """

    def __init__(
        self,
        store: "S3Store | MemoryStore",
        name: str,
        run: "Callable[[Callable[[], None]], asyncio.Future[None]]",
    ) -> None:
        self._store = store
        self._name = name
        self._run = run
        # Whoever awaits a piece may be canceled while a thread still sends it.
        self._lock = Lock()
        self._over = False
        self._begun = bytearray()
        self._parts: obstore.WritableFile | None = None
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def add(self, piece: bytes) -> None:
        """Append *piece*.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        await self._run(lambda: self._append(piece))

    async def finish(self) -> Digests:
        """Let the key show all of it.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        await self._run(self._show)
        return Digests(
            size_bytes=self._size, sha256=self._sha256.hexdigest(), md5=self._md5.hexdigest()
        )

    async def abandon(self) -> None:
        """Forget what was added; parts already sent stay invisible until the bucket drops them."""
        await self._run(self._forget)

    def _append(self, piece: bytes) -> None:
        with self._lock:
            if self._over:
                return
            self._size += len(piece)
            self._sha256.update(piece)
            self._md5.update(piece)
            if self._parts is not None:
                self._parts.write(piece)
                return
            self._begun += piece
            if len(self._begun) > PART_BYTES:
                self._parts = obstore.open_writer(
                    self._store,
                    self._name,
                    buffer_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
                self._parts.write(bytes(self._begun))
                self._begun.clear()

    def _show(self) -> None:
        with self._lock:
            if self._over:
                return
            if self._parts is None:
                created(self._store, self._name, bytes(self._begun))
            elif not _there(self._store, self._name):
                self._parts.close()
            self._over = True

    def _forget(self) -> None:
        with self._lock:
            self._over = True
            self._parts = None
            self._begun.clear()


def listing(
    store: "S3Store | MemoryStore", prefix: str | None, after: str | None = None
) -> "Iterable[Sequence[obstore.ObjectMeta]]":
    """Pages of what lies under *prefix*, in the order of keys, beginning behind *after*."""
    return obstore.list(store, prefix, offset=after, chunk_size=PAGE_KEYS, return_arrow=False)  # pyright: ignore[reportUnknownMemberType]  # another overload's type is of a package not needed


def created(store: "S3Store | MemoryStore", name: str, data: bytes) -> None:
    """Put *data*, unless *name* is there.

    The library does not repeat such a put when its connection broke, for it may have arrived. Here
    it may be repeated: a key is written by one writer, so what is found there is this very file.
    """
    enough = time.monotonic() + _PUT_SECONDS
    for pause in (*_PUT_PAUSES, None):
        try:
            obstore.put(store, name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return
        except FileNotFoundError as error:
            raise FilesUnavailable("there is no such bucket") from error
        except GenericError:
            if pause is None or time.monotonic() > enough:
                raise
            time.sleep(pause)
        else:
            return


def _there(store: "S3Store | MemoryStore", name: str) -> bool:
    try:
        obstore.head(store, name)
    except FileNotFoundError:
        return False
    return True


def _told(act: Callable[[], T]) -> T:
    try:
        return act()
    except FileNotFoundError as error:
        raise FileMissing("the file is not stored here") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        _log_trouble(error)
        raise FilesUnavailable("the file store refuses the server's credentials") from error
    except (BaseError, OSError) as error:
        _log_trouble(error)
        raise FilesUnavailable("the file store does not answer as it should") from error


def _log_trouble(error: Exception) -> None:
    structlog.get_logger().warning("files.failed", reason=str(error)[:_TOLD])
