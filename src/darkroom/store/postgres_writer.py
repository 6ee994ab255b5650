"""The one writer of this process to PostgreSQL: whatever waits goes into one transaction.

While one transaction is flushed the next callers queue, so many writers cost few flushes. Changes
about different predictions take their steps together, so they cost few ways to the database. A
change that fails undoes the whole transaction; its companions are then run again, each in a
transaction of its own. Other servers have writers of their own: rows are guarded by the statements.

A connection that breaks in the very moment of a commit leaves open what became of it. So each
transaction begins by writing its number to this server's row in `commits`. There it is looked for
when the database answers again, once no earlier transaction holds that row, and nobody is told a
wrong outcome.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import asyncpg
import structlog

from darkroom.domain.errors import StoreBusy
from darkroom.store.rows import Row, Value
from darkroom.store.statements import Statements
from darkroom.store.transitions.recipe import Transition

T = TypeVar("T")
Recipe: TypeAlias = Callable[[], Transition[T]]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MOST_AT_ONCE = 256
PATIENCE_SECONDS = 0.001
RECONNECT_SECONDS = 0.2
END_SECONDS = 2.0
LOST = (
    OSError,  # TimeoutError is one
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
"""The connection is of no use any more, or there never was one."""

FULL = (asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError)
"""The database takes no writes at all."""

_PASSING = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)

_log = structlog.get_logger()


async def follow(connection: Connection, statements: Statements, transition: Transition[T]) -> T:
    """Follow one transition on *connection*, inside whatever transaction is open there."""
    try:
        asked = next(transition)
        while True:
            text, values = statements.filled(asked)
            found = await connection.fetch(text, *values)
            asked = transition.send(cast("list[Row]", [tuple(record) for record in found]))
    except StopIteration as stop:
        return cast("T", stop.value)


async def follow_together(
    connection: Connection, statements: Statements, transitions: Sequence[Transition[None]]
) -> None:
    """Follow transitions that have nothing to do with each other, a step of all of them at a time.

    What several ask for with the same words goes to the database at once.
    """
    answers: dict[int, list[Row] | None] = dict.fromkeys(range(len(transitions)))
    while answers:
        asked: dict[str, list[list[Value]]] = {}
        for place, rows in answers.items():
            one = transitions[place]
            try:
                call = next(one) if rows is None else one.send(rows)
            except StopIteration:
                continue
            text, values = statements.marked(call, place)
            asked.setdefault(text, []).append(values)
        answers = {}
        for text, several in asked.items():
            found = {cast("int", values[0]): list[Row]() for values in several}
            for record in await connection.fetchmany(text, several):
                place, *row = record
                found[place].append(tuple(row))
            answers.update(found)


async def end(connection: Connection) -> None:
    """Take leave of the database, or of a connection that does not answer."""
    try:
        await connection.close(timeout=END_SECONDS)
    except Exception:  # noqa: BLE001  # it is over in any case, and nothing is lost by that
        connection.terminate()


def told(error: Exception, *, what: str = "takes no writes now") -> Exception:
    """*error* in our own words, if it is the database that is in trouble."""
    unusable = isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
    if unusable or isinstance(error, (*LOST, *FULL, *_PASSING)):
        reason = str(error) or type(error).__name__
        if isinstance(error, asyncpg.InternalClientError):  # it speaks of states of the protocol
            reason = "the connection broke"
        return StoreBusy(f"The database {what}: {reason.rstrip('.')}. Try again.")
    return error


@dataclass(slots=True, eq=False)
class _Change:
    recipe: Recipe[object]
    done: "asyncio.Future[object]"
    patient: bool
    about: str | None
    result: object = None


class PostgresWriter:
    """Runs transitions of one event loop on the connection that it alone uses.

    Args:
        connect: opens a connection.
        statements: by name.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], statements: Statements
    ) -> None:
        self._connect = connect
        self._statements = statements
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._number = 0  # of the last transaction that was begun
        self._kept = 0  # of the last one that had been committed when the connection was made
        self._queue: list[_Change] = []
        self._woken = asyncio.Event()
        self._closing = False
        self._task = self._loop.create_task(self._run())

    def write(
        self, recipe: Recipe[T], *, patient: bool = False, about: str | None = None
    ) -> "asyncio.Future[T]":
        """Run *recipe*'s transition; the future is done once the commit is on disk.

        The future raises StoreBusy when the database takes no writes.

        Args:
            recipe: makes the transition; it may be called more than once.
            patient: the commit may wait a millisecond for a change that is in more of a hurry.
            about: the one prediction whose rows it reads and changes; None if there may be others.
        """
        done: asyncio.Future[object] = self._loop.create_future()
        self._queue.append(_Change(recipe, done, patient, about))
        self._woken.set()
        return cast("asyncio.Future[T]", done)

    async def close(self) -> None:
        """Commit what waits, then end the connection."""
        self._closing = True
        self._woken.set()
        await self._task
        if self._connection is not None:
            await end(self._connection)

    async def _run(self) -> None:
        while self._queue or not self._closing:
            if not self._queue:
                self._woken.clear()
                await self._woken.wait()
                continue
            try:
                await self._turn()
            except Exception as error:  # noqa: BLE001  # the top of a loop that must not end
                _log.exception("writing.failed")
                self._drop()
                self._refuse_queued(error)

    async def _turn(self) -> None:
        """One transaction with everything that waits."""
        batch: list[_Change] = []
        try:
            connection = await self._begun()
            await self._fill(connection, batch)
        except Exception as error:  # noqa: BLE001  # whatever a change raises is its caller's
            await self._undone(batch, error)
            return
        await self._commit(connection, batch)

    async def _fill(self, connection: Connection, batch: list[_Change]) -> None:
        """Run what is queued in the open transaction, and what comes while all of it can wait."""
        while True:
            room = MOST_AT_ONCE - len(batch)
            fresh, self._queue = self._queue[:room], self._queue[room:]
            batch += fresh
            for chains in _beside(fresh):
                await follow_together(connection, self._statements, chains)
            hurried = self._closing or any(not change.patient for change in batch)
            if hurried or len(batch) == MOST_AT_ONCE or not await self._more():
                return

    async def _more(self) -> bool:
        """Wait a moment for another change; False if none came."""
        if not self._queue:
            self._woken.clear()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                return False
        return True

    async def _commit(self, connection: Connection, batch: Sequence[_Change]) -> None:
        fault: Exception | None = None
        try:
            await connection.execute("commit")
        except Exception as error:  # noqa: BLE001  # told to the callers
            fault = told(error)
            if not self._is_lost(error):
                await self._roll_back()
            else:
                self._drop()
                if await self._was_committed():
                    fault = None
        for change in batch:
            _settle(change, fault)

    async def _was_committed(self) -> bool:
        """What became of a transaction whose connection broke; waits until the database tells."""
        _log.warning("commit.unknown", number=self._number)
        while not self._closing:
            try:
                await self._connected()
            except Exception as error:  # noqa: BLE001  # it is asked again
                self._drop()
                self._refuse_queued(told(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                _log.info("commit.known", number=self._number, last=self._kept)
                return self._kept == self._number
        return False

    async def _undone(self, batch: Sequence[_Change], error: Exception) -> None:
        """Nothing of *batch* was committed: tell its callers, or try its changes one by one."""
        if self._connection is None or self._is_lost(error):
            self._drop()
            fault = told(error)
            for change in batch:
                _settle(change, fault)
            self._refuse_queued(fault)
            return
        await self._roll_back()
        if not batch:
            self._refuse_queued(told(error))
        for change in batch:
            if isinstance(error, FULL):
                _settle(change, told(error))
            else:
                await self._alone(change)

    async def _alone(self, change: _Change) -> None:
        """One change in a transaction of its own."""
        try:
            connection = await self._begun()
            await follow_together(connection, self._statements, [_chain([change])])
        except Exception as error:  # noqa: BLE001  # whatever a change raises is its caller's
            if self._is_lost(error):
                self._drop()
            await self._roll_back()
            _settle(change, told(error))
            return
        await self._commit(connection, [change])

    async def _roll_back(self) -> None:
        if self._connection is None:
            return
        try:
            await self._connection.execute("rollback")
        except Exception:  # noqa: BLE001  # what was not committed is gone with the connection
            self._drop()

    async def _begun(self) -> Connection:
        """The connection, with a transaction open that has left its number."""
        connection = await self._connected()
        self._number += 1
        note = self._statements.spelled("note_commit", {"number": self._number})
        await connection.execute(f"begin; {note}")
        return connection

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await self._connect()
            try:
                text, _ = self._statements.filled(("last_commit", {}))
                self._kept = cast("int", await connection.fetchval(text))
            except BaseException:
                connection.terminate()
                raise
            self._number = max(self._number, self._kept)
            self._connection = connection
        return self._connection

    def _is_lost(self, error: Exception) -> bool:
        closed = self._connection is None or self._connection.is_closed()
        return closed or isinstance(error, LOST)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _refuse_queued(self, fault: Exception) -> None:
        refused, self._queue = self._queue, []
        for change in refused:
            _settle(change, fault)


def _beside(changes: Sequence[_Change]) -> Iterator[Sequence[Transition[None]]]:
    """What may go together, in order: chains of changes about one prediction each, or one other."""
    together: dict[str, list[_Change]] = {}
    for change in changes:
        if change.about is not None:
            together.setdefault(change.about, []).append(change)
            continue
        if together:
            yield [_chain(chain) for chain in together.values()]
            together = {}
        yield [_chain([change])]
    if together:
        yield [_chain(chain) for chain in together.values()]


def _chain(changes: Sequence[_Change]) -> Transition[None]:
    for change in changes:
        change.result = yield from change.recipe()


def _settle(change: _Change, fault: Exception | None) -> None:
    if change.done.done():
        return
    if fault is not None:
        change.done.set_exception(fault)
    else:
        change.done.set_result(change.result)
