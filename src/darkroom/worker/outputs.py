"""Puts output files into the file store, with patience."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from darkroom.domain.errors import FilesUnavailable
from darkroom.domain.files import is_content_type
from darkroom.ports.buckets import Keeper
from darkroom.protocol.messages import FileFact, Output
from darkroom.worker.magic import UNKNOWN

_LARGE_BYTES = 2**20
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")

Settled: TypeAlias = Callable[[FileFact | FilesUnavailable], None]


class Outputs:
    """Stores files and says so.

    Args:
        keeper: where they go.
        retry_seconds: how long to wait after each failure; then it is given up.
    """

    def __init__(self, keeper: Keeper, retry_seconds: Sequence[float]) -> None:
        self._keeper = keeper
        self._retry_seconds = retry_seconds
        self._tasks: set[asyncio.Future[None]] = set()

    def store(self, output: Output, settled: Settled) -> None:
        """Begin to store *output*; *settled* is called once, later, with what came of it."""
        key = f"predictions/{output.id}/{output.attempt}/{output.index}"
        if len(output.data) > _LARGE_BYTES:
            self._keep(asyncio.ensure_future(self._patiently(key, output, settled, failures=0)))
            return
        fact = _fact(key, output)
        putting = asyncio.ensure_future(self._keeper.put(key, output.data))

        def put(done: asyncio.Future[None]) -> None:
            if done.cancelled():
                return
            if done.exception() is None:
                settled(fact)
            else:
                again = self._patiently(key, output, settled, failures=1)
                self._keep(asyncio.ensure_future(again))

        self._keep(putting)
        putting.add_done_callback(put)

    def close(self) -> None:
        """Give up what is not stored yet, without a word."""
        for task in list(self._tasks):
            task.cancel()

    def _keep(self, task: "asyncio.Future[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _patiently(
        self, key: str, output: Output, settled: Settled, *, failures: int
    ) -> None:
        try:
            fact = await asyncio.to_thread(_fact, key, output)
            while not await self._stored(key, output.data, failures):
                failures += 1
        except Exception as error:  # noqa: BLE001  # whatever an adapter raises, a run must end
            settled(FilesUnavailable(str(error)))
        else:
            settled(fact)

    async def _stored(self, key: str, data: bytes, failures: int) -> bool:
        if failures:
            await asyncio.sleep(self._retry_seconds[failures - 1])
        try:
            await self._keeper.put(key, data)
        except FilesUnavailable:
            if failures == len(self._retry_seconds):
                raise
            return False
        return True


def _fact(key: str, output: Output) -> FileFact:
    name, content_type = output.name.replace(" ", "-"), output.content_type
    return FileFact(
        key=key,
        name=name if _NAME.fullmatch(name) else "output",
        content_type=content_type if is_content_type(content_type) else UNKNOWN,
        size_bytes=len(output.data),
        sha256=hashlib.sha256(output.data).hexdigest(),
    )
