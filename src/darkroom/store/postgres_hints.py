"""Hints between servers over NOTIFY: one connection that listens and tells.

A hint is sent after the commit it tells of, in a statement of its own: a transaction that notifies
takes a lock of the whole database when it commits. What is to be told within a few milliseconds
goes together. Source: PostgreSQL documentation, NOTIFY.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from darkroom.ports.twins import Hint, News
from darkroom.store.postgres_writer import Connection, end

CHANNEL = "darkroom"
TOGETHER_SECONDS = 0.005
APART_SECONDS = 0.025
"""Between two messages at least, so that a busy server does not keep the others busy with hints."""

RECONNECT_SECONDS = 1.0
QUIET_SECONDS = 10.0
"""After this long without a hint the connection is tried."""

_PAYLOAD_BYTES = 7900  # PostgreSQL takes less than 8000
_MOST_WAITING = 4096
_KNOWN = frozenset(News)
_log = structlog.get_logger()


class PostgresHints:
    """Satisfies Hints; nothing is told or heard before `start`.

    Args:
        connect: opens a connection.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._waiting: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._heard: Callable[[Hint], None] = _nobody
        self._missed: Callable[[], None] = _nothing
        self._pid = 0
        self._sent_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def tell(self, hint: Hint) -> None:
        """Tell all others in a moment."""
        if len(self._waiting) >= _MOST_WAITING:  # nobody is there to hear
            self._waiting.clear()
        self._waiting[f"{hint.news}{hint.subject}"] = None
        self._woken.set()

    def listen(self, heard: Callable[[Hint], None], missed: Callable[[], None]) -> None:
        """Have these called."""
        self._heard, self._missed = heard, missed

    def start(self) -> None:
        """Begin to listen and to tell."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Tell what waits, and end."""
        if self._task is not None:
            await asyncio.sleep(2 * APART_SECONDS if self._waiting else 0)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connect()
            except Exception as error:  # noqa: BLE001  # it is tried again
                _log.warning("hints.unreachable", error=str(error) or type(error).__name__)
            else:
                await self._attend(connection)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _attend(self, connection: Connection) -> None:
        """Listen and tell until the connection ends."""
        try:
            self._pid = connection.get_server_pid()
            connection.add_termination_listener(self._ended)
            await connection.add_listener(CHANNEL, self._received)
            self._missed()
            while not connection.is_closed():
                await self._tell_together(connection)
        except Exception as error:  # noqa: BLE001  # the connection is of no more use
            _log.warning("hints.interrupted", error=str(error) or type(error).__name__)
        finally:
            await end(connection)

    async def _tell_together(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            await connection.execute("select 1")
            return
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(TOGETHER_SECONDS, self._sent_at + APART_SECONDS - loop.time()))
        self._woken.clear()
        self._sent_at = loop.time()
        while payload := self._payload():
            await connection.execute("select pg_notify($1, $2)", CHANNEL, payload)

    def _payload(self) -> str:
        """As many of the hints that wait as fit together."""
        taken, size = list[str](), 0
        while self._waiting:
            hint = next(iter(self._waiting))
            size += len(hint) + 1
            if size > _PAYLOAD_BYTES:
                break
            del self._waiting[hint]
            taken.append(hint)
        return " ".join(taken)

    def _received(self, _connection: object, pid: int, _channel: str, payload: object) -> None:
        if pid == self._pid:
            return
        for text in str(payload).split(" "):
            if text[:1] in _KNOWN:  # a newer server may tell more
                self._heard(Hint(News(text[:1]), text[1:]))

    def _ended(self, _connection: object) -> None:
        self._woken.set()


def _nobody(_hint: Hint) -> None:
    """Before `listen`."""


def _nothing() -> None:
    """Before `listen`."""
