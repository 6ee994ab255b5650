"""The one writer of a SQLite file: whatever waits goes into one transaction, flushed by a thread.

Statements run on the event loop, a few microseconds each; only the commit, which waits for the
disk, runs in a thread. While one transaction is flushed the next callers queue, so many writers
cost few flushes and a lone one waits for nobody. As long as the disk is quick, even the flush runs
on the loop. (Running the statements in the thread as well
was measured slower by a third: it pays a change of thread for every statement.)

A change that fails undoes the whole transaction; its companions are then run again, each in a
transaction of its own.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

from darkroom.domain.errors import StoreBusy
from darkroom.store.rows import Row
from darkroom.store.transitions.recipe import Gathered, Transition

T = TypeVar("T")
Recipe: TypeAlias = Callable[[], Transition[T]]

MOST_AT_ONCE = 256
PATIENCE_SECONDS = 0.001
QUICK_SECONDS = 0.002
_SMOOTHING = 0.2


def drive(
    connection: sqlite3.Connection, statements: Mapping[str, str], transition: Transition[T]
) -> T:
    """Follow one transition on *connection*, inside whatever transaction is open there."""
    try:
        asked = next(transition)
        while True:
            if isinstance(asked, Gathered):
                asked = transition.send(_gathered(connection, statements, asked))
                continue
            (name, parameters), *others = asked if isinstance(asked, list) else (asked,)
            found = cast("list[Row]", connection.execute(statements[name], parameters).fetchall())
            for name, parameters in others:
                connection.execute(statements[name], parameters)
            asked = transition.send(found)
    except StopIteration as stop:
        return cast("T", stop.value)


def _gathered(
    connection: sqlite3.Connection, statements: Mapping[str, str], asked: Gathered
) -> list[Row]:
    found: list[Row] = []
    for name, parameters in asked.calls:
        found += cast("list[Row]", connection.execute(statements[name], parameters).fetchall())
    return found


@dataclass(slots=True, eq=False)
class _Change:
    recipe: Recipe[object]
    done: "asyncio.Future[object]"
    patient: bool
    result: object = None


class Writer:
    """Runs transitions of one event loop on the connection that it alone uses.

    Args:
        connection: opened with `check_same_thread=False` and in autocommit mode.
        statements: texts by name.
    """

    def __init__(self, connection: sqlite3.Connection, statements: Mapping[str, str]) -> None:
        self._connection = connection
        self._statements = statements
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="darkroom-commit")
        self._queue: list[_Change] = []
        self._open: list[_Change] = []
        self._turn_is_due = False
        self._committing = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._flush_seconds = QUICK_SECONDS  # the first one shows
        self._patience: asyncio.TimerHandle | None = None
        self._scrubs: list[asyncio.Future[None]] = []

    def write(self, recipe: Recipe[T], *, patient: bool = False) -> "asyncio.Future[T]":
        """Run *recipe*'s transition; the future is done once the commit is on disk.

        A recipe may be called twice (see above), so it must make a fresh transition each time.
        The future raises StoreBusy when the database takes no writes.

        Args:
            recipe: makes the transition.
            patient: the commit may wait a millisecond for a change that is in more of a hurry.
        """
        done: asyncio.Future[object] = self._loop.create_future()
        self._queue.append(_Change(recipe, done, patient))
        self._idle.clear()
        self._plan()
        return cast("asyncio.Future[T]", done)

    def scrub(self) -> "asyncio.Future[None]":
        """Empty the write-ahead log, in the thread and between two transactions.

        The future raises StoreBusy when a reader is in the way.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        self._scrubs.append(done)
        self._idle.clear()
        self._plan()
        return done

    async def close(self) -> None:
        """Commit what waits, then end the thread."""
        self._closing = True
        self._turn()
        await self._idle.wait()
        await asyncio.to_thread(self._thread.shutdown)

    def _plan(self) -> None:
        """See that a turn comes, if anything waits for one."""
        if self._scrubs and not (self._open or self._committing):
            self._committing = True
            self._thread.submit(self._scrub_aside)
        elif self._queue and not self._turn_is_due and not self._committing:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)
        elif not (self._queue or self._open or self._committing or self._scrubs):
            self._idle.set()

    def _turn(self) -> None:
        """Run what is queued inside the open transaction, and commit unless all of it can wait."""
        self._turn_is_due = False
        if self._committing:
            return
        room = MOST_AT_ONCE - len(self._open)
        batch, self._queue = [*self._open, *self._queue[:room]], self._queue[room:]
        try:
            for change in batch[len(self._open) :]:
                self._run(change)
        except sqlite3.OperationalError as error:
            self._undo(batch, _told(error))
        except Exception:  # noqa: BLE001  # whatever a change raises is its caller's
            self._one_by_one(batch)
        if self._closing or self._queue or any(not change.patient for change in self._open):
            self._commit()
        elif self._open and self._patience is None:
            self._patience = self._loop.call_later(PATIENCE_SECONDS, self._commit)
        self._plan()

    def _run(self, change: _Change) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("begin immediate")
        change.result = drive(self._connection, self._statements, change.recipe())
        self._open.append(change)

    def _commit(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if not self._open or self._committing:
            return
        self._committing = True
        batch, self._open = self._open, []
        if self._flush_seconds < QUICK_SECONDS:
            # On a quick disk two changes of thread cost more than the flush itself.
            self._committed(batch, self._flush())
        else:
            self._thread.submit(self._flush_aside, batch)

    def _flush_aside(self, batch: Sequence[_Change]) -> None:
        self._loop.call_soon_threadsafe(self._committed, batch, self._flush())

    def _flush(self) -> Exception | None:
        began = time.perf_counter()
        try:
            self._connection.execute("commit")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            return _told(error)
        finally:
            taken = time.perf_counter() - began
            self._flush_seconds += (taken - self._flush_seconds) * _SMOOTHING
        return None

    def _committed(self, batch: Sequence[_Change], fault: Exception | None) -> None:
        self._committing = False
        for change in batch:
            _settle(change, fault)
        if self._queue and not self._scrubs:
            self._turn()
        self._plan()

    def _scrub_aside(self) -> None:
        self._loop.call_soon_threadsafe(self._scrubbed, self._emptied())

    def _emptied(self) -> Exception | None:
        try:
            (busy, *_) = self._connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        except sqlite3.Error as error:
            return _told(error)
        return StoreBusy("The database's log is being read. Try again.") if busy else None

    def _scrubbed(self, fault: Exception | None) -> None:
        self._committing = False
        scrubs, self._scrubs = self._scrubs, []
        for done in scrubs:
            if done.cancelled():
                continue
            if fault is None:
                done.set_result(None)
            else:
                done.set_exception(fault)
        self._plan()

    def _undo(self, batch: Sequence[_Change], fault: Exception) -> None:
        """The database itself is in trouble: nobody's change is tried again."""
        if self._connection.in_transaction:
            self._connection.execute("rollback")
        self._open = []
        for change in batch:
            _settle(change, fault)

    def _one_by_one(self, batch: Sequence[_Change]) -> None:
        """Undo the open transaction and give each of its changes one of its own."""
        if self._connection.in_transaction:
            self._connection.execute("rollback")
        for change in batch:
            self._open = []
            try:
                self._run(change)
                self._connection.execute("commit")
            except Exception as error:  # noqa: BLE001  # whatever a change raises is its caller's
                self._undo([change], _told(error))
            else:
                _settle(change, None)
        self._open = []


def _told(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError):
        return StoreBusy(f"The database takes no writes now: {error}. Free disk space, then retry.")
    return error


def _settle(change: _Change, fault: Exception | None) -> None:
    if change.done.cancelled():
        return
    if fault is not None:
        change.done.set_exception(fault)
    else:
        change.done.set_result(change.result)
