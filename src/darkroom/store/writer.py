"""The one writer of a SQLite file: a thread that commits whatever waits in one transaction.

While one transaction is flushed to disk the next callers queue, so many writers cost few
flushes and a lone one waits for nobody. A change that fails undoes the whole transaction;
its companions are then run again, each in a transaction of its own.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import TypeAlias, TypeVar, cast

from darkroom.domain.errors import StoreBusy
from darkroom.store.rows import Row
from darkroom.store.transitions import Transition

T = TypeVar("T")
Recipe: TypeAlias = Callable[[], Transition[T]]
_Change: TypeAlias = tuple[Recipe[object], asyncio.Future[object]]
_Outcome: TypeAlias = tuple[asyncio.Future[object], object, Exception | None]

MOST_AT_ONCE = 256


def drive(
    connection: sqlite3.Connection, statements: Mapping[str, str], transition: Transition[T]
) -> T:
    """Follow one transition on *connection*, inside whatever transaction is open there."""
    try:
        name, parameters = next(transition)
        while True:
            found = cast("list[Row]", connection.execute(statements[name], parameters).fetchall())
            name, parameters = transition.send(found)
    except StopIteration as stop:
        return cast("T", stop.value)


class Writer:
    """Runs transitions of one event loop on the connection that it alone uses.

    Args:
        connection: opened with `check_same_thread=False` and in autocommit mode.
        statements: texts by name.
    """

    def __init__(self, connection: sqlite3.Connection, statements: Mapping[str, str]) -> None:
        self._connection = connection
        self._statements = statements
        self._queue: SimpleQueue[_Change | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="darkroom-writer", daemon=True)
        self._thread.start()

    def write(self, recipe: Recipe[T]) -> "asyncio.Future[T]":
        """Run *recipe*'s transition; the future is done once the commit is on disk.

        A recipe may be called twice (see above), so it must make a fresh transition each time.
        The future raises StoreBusy when the database takes no writes.
        """
        future: asyncio.Future[object] = self._loop.create_future()
        self._queue.put((recipe, future))
        return cast("asyncio.Future[T]", future)

    async def close(self) -> None:
        """Commit what waits, then end the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < MOST_AT_ONCE and not self._queue.empty():
                change = self._queue.get()
                if change is None:
                    self._queue.put(None)
                    break
                batch.append(change)
            self._loop.call_soon_threadsafe(_resolve, self._commit(batch))

    def _commit(self, batch: Sequence[_Change]) -> Sequence[_Outcome]:
        try:
            return self._together(batch)
        except Exception as error:  # noqa: BLE001  # whatever a change raises is its caller's
            if len(batch) == 1:
                return [(batch[0][1], None, _told(error))]
            return [outcome for change in batch for outcome in self._commit([change])]

    def _together(self, batch: Sequence[_Change]) -> Sequence[_Outcome]:
        self._connection.execute("begin immediate")
        try:
            outcomes: list[_Outcome] = [
                (future, drive(self._connection, self._statements, recipe()), None)
                for recipe, future in batch
            ]
            self._connection.execute("commit")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise
        return outcomes


def _told(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError):
        return StoreBusy(f"The database takes no writes now: {error}. Free disk space, then retry.")
    return error


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
