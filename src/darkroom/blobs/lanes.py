"""Blocking calls in threads, a batch a hop: what waits within one turn of the loop goes together.

One hop into a thread and back costs more than reading or writing a small file.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, cast

BATCH_CALLS = 16
BATCH_BYTES = 2**20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Call:
    act: Callable[[], object]
    size_bytes: int
    done: "asyncio.Future[object]"


class Lanes:
    """Threads that each take all that waits, up to a batch.

    Made and used inside one event loop.

    Args:
        count: how many threads.
        name: what they are called.
    """

    def __init__(self, count: int, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._count = self._idle = count
        self._waiting: list[_Call] = []
        self._scheduled = False
        self._quiet = asyncio.Event()
        self._quiet.set()

    def run(self, act: Callable[[], T], *, size_bytes: int = 0) -> "asyncio.Future[T]":
        """Call *act* in a thread; the future has its result or whatever it raised.

        Args:
            act: blocks.
            size_bytes: how much it moves, so that large ones are not batched.
        """
        done: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append(_Call(act, size_bytes, done))
        self._quiet.clear()
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._begin)
        return cast("asyncio.Future[T]", done)

    async def close(self) -> None:
        """Finish all that was asked for and end the threads; nothing may be asked for after."""
        await self._quiet.wait()
        await asyncio.to_thread(self._threads.shutdown)

    def _begin(self) -> None:
        self._scheduled = False
        while self._waiting and self._idle:
            self._idle -= 1
            self._threads.submit(self._work, self._batch())
        if self._idle == self._count and not self._waiting:
            self._quiet.set()

    def _batch(self) -> list[_Call]:
        count = size = 0
        for call in self._waiting[:BATCH_CALLS]:
            size += call.size_bytes
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _work(self, batch: list[_Call]) -> None:
        results = [_result(call.act) for call in batch]
        self._loop.call_soon_threadsafe(self._finished, batch, results)

    def _finished(
        self, batch: list[_Call], results: list[tuple[object, BaseException | None]]
    ) -> None:
        self._idle += 1
        for call, (result, fault) in zip(batch, results, strict=True):
            if call.done.done():
                continue
            if fault is None:
                call.done.set_result(result)
            else:
                call.done.set_exception(fault)
        self._begin()


def _result(act: Callable[[], object]) -> tuple[object, BaseException | None]:
    try:
        return act(), None
    except BaseException as error:  # noqa: BLE001  # raised again where the call is awaited
        return None, error
