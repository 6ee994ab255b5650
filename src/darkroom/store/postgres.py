"""The database in PostgreSQL, which several servers may share: a writer each, and some readers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypedDict, TypeVar, cast
from urllib.parse import urlsplit

import asyncpg

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.ids import ServerId
from darkroom.store import migrate
from darkroom.store.postgres_hints import PostgresHints
from darkroom.store.postgres_writer import (
    END_SECONDS,
    LOST,
    Connection,
    PostgresWriter,
    end,
    follow,
    told,
)
from darkroom.store.statements import Statements, load, postgres
from darkroom.store.transitions.recipe import Transition

if TYPE_CHECKING:
    from asyncpg.pool import Pool as _Pool

    Pool: TypeAlias = _Pool[asyncpg.Record]

T = TypeVar("T")

READERS = 4
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0
OLDEST = (13, 0)
"""Older releases get no repairs any more, not even of lost writes."""

_SESSION = {
    "application_name": "darkroom",
    "idle_in_transaction_session_timeout": "10s",  # a stopped server frees the rows it has locked
    "jit": "off",  # statements of microseconds
    "lock_timeout": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class _Options(TypedDict):
    timeout: float
    command_timeout: float
    statement_cache_size: int
    max_cached_statement_lifetime: int
    server_settings: dict[str, str]


_OPTIONS: _Options = {
    "timeout": CONNECT_SECONDS,
    "command_timeout": COMMAND_SECONDS,
    "statement_cache_size": 512,  # every statement there is
    "max_cached_statement_lifetime": 0,  # for ever
    "server_settings": _SESSION,
}
_DURABLE = (
    "select set_config('synchronous_commit', 'on', false)"
    " where current_setting('synchronous_commit') = 'off'"
)
_QUICK_TO_COMPRESS = (
    "select set_config(name, 'lz4', false) from pg_settings"
    " where name = 'default_toast_compression' and 'lz4' = any(enumvals)"
)
"""Inputs of some kB are mostly pictures, which the default tries long to make smaller, in vain."""
_PLAN_ONCE = "set plan_cache_mode = force_generic_plan"
"""Planning a claim for 32 versions anew each time took nine times as long as the claim; that each
statement's plan is good for any value is tested."""


class PostgresDatabase:
    """Satisfies Database; made by `open_postgres`.

    A read that takes several statements sees each at its own moment, the row of a prediction first:
    what belongs to a prediction only grows, so it never shows less than its row tells.
    """

    def __init__(
        self,
        *,
        writer: PostgresWriter,
        pool: "Pool",
        statements: Statements,
        connect: Callable[[], Awaitable[Connection]],
    ) -> None:
        self._connect = connect
        self._writer = writer
        self._pool = pool
        self._statements = statements

    def write(
        self,
        recipe: Callable[[], Transition[T]],
        *,
        patient: bool = False,
        about: str | None = None,
    ) -> Awaitable[T]:
        """Follow a transition in a transaction; done once it is on disk."""
        return self._writer.write(recipe, patient=patient, about=about)

    def hints(self) -> PostgresHints:
        """What carries hints to other servers on this database, once it is started."""
        return PostgresHints(self._connect)

    async def scrub(self) -> None:
        """Nothing: what deleted rows leave behind is overwritten by PostgreSQL's own vacuum."""

    async def read(self, transition: Transition[T]) -> T:
        """Follow a transition that changes nothing."""
        try:
            async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
                # The pool's proxy has every method of a connection.
                return await follow(cast("Connection", connection), self._statements, transition)
        except (*LOST, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            raise told(error, what="cannot be read now") from error


@asynccontextmanager
async def open_postgres(url: str, server: ServerId) -> AsyncGenerator[PostgresDatabase]:
    """Open the database at *url*, migrated if need be, until the block ends.

    Args:
        url: `postgresql://user:password@host:port/database`.
        server: who we are; what this server accepts and holds carries it.

    Raises:
        InvalidSetting: it cannot be reached, or is too old.
        SchemaTooNew: a newer darkroom wrote it.
    """
    statements = Statements(load(postgres(server)))
    await prepare(url)
    pool = await asyncpg.create_pool(url, min_size=1, max_size=READERS, reset=_as_it_is, **_OPTIONS)
    connecting = partial(connect, url)
    writer = PostgresWriter(connecting, statements)
    try:
        yield PostgresDatabase(writer=writer, pool=pool, statements=statements, connect=connecting)
    finally:
        await writer.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def connect(url: str) -> Connection:
    """A connection whose commits are on disk, for statements that come again and again."""
    connection = await asyncpg.connect(url, **_OPTIONS)
    await connection.execute(f"{_DURABLE}; {_QUICK_TO_COMPRESS}; {_PLAN_ONCE}")
    return connection


async def prepare(url: str) -> int:
    """Bring the database at *url* to this release's schema; returns its number.

    Raises:
        InvalidSetting: it cannot be reached, or is too old.
        SchemaTooNew: a newer darkroom wrote it.
    """
    connection = await _reached(url)
    try:
        found = connection.get_server_version()
        if found < OLDEST:
            raise InvalidSetting(
                f"database_url: PostgreSQL {found.major} is too old; {OLDEST[0]} or later is needed"
            )
        return await migrate.upgrade_postgres(connection)
    finally:
        await end(connection)


async def _reached(url: str) -> Connection:
    try:
        return await connect(url)
    except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise InvalidSetting(
            f"database_url: PostgreSQL at {place(url)} cannot be used ({reason}). "
            "Start it, or correct DARKROOM_DATABASE_URL."
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is to know of a PostgreSQL before it is used; `schema` is None where there is none.

    `servers` are those that beat on it, and any that has died within some seconds.
    """

    version: str
    too_old: bool
    schema: int | None
    flushes: bool
    servers: Sequence[ServerId] = ()


async def look(url: str) -> Standing:
    """Look at the database at *url*, and change nothing.

    Raises:
        InvalidSetting: it cannot be reached.
    """
    connection = await _reached(url)
    try:
        found = connection.get_server_version()
        return Standing(
            version=f"{found.major}.{found.minor or found.micro}",  # asyncpg reads 15.18 as 15.0.18
            too_old=found < OLDEST,
            schema=await migrate.schema_of(connection),
            flushes=await connection.fetchval("show fsync") == "on",
            servers=await _servers(connection),
        )
    finally:
        await end(connection)


async def _servers(connection: Connection) -> Sequence[ServerId]:
    if await connection.fetchval("select to_regclass('servers')") is None:
        return ()
    found = await connection.fetchval("select array_agg(id order by id) from servers")
    return [ServerId(id_) for id_ in cast("Sequence[str] | None", found) or ()]


def place(url: str) -> str:
    """Host, port and name of a database, without user and password."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


async def _as_it_is(_connection: object) -> None:
    """Readers leave nothing behind that would have to be undone."""
