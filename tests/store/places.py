"""Both databases in one shape, so that every promise of the store is tried on each."""

import asyncio
import itertools
import os
import re
import sqlite3
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar, cast
from urllib.parse import urlsplit

import asyncpg

from darkroom.domain.ids import ServerId
from darkroom.store import migrate
from darkroom.store.database import Database
from darkroom.store.postgres import connect, open_postgres, prepare
from darkroom.store.postgres_writer import follow_together
from darkroom.store.rows import Parameters, Row, Value
from darkroom.store.sqlite import open_sqlite
from darkroom.store.statements import SQLITE, Dialect, Statements, load, numbered, postgres
from darkroom.store.transitions.recipe import Transition
from darkroom.store.writer import drive

T = TypeVar("T")
SERVER = ServerId("s1")
TEMPLATE = "darkroom_template"
_count = itertools.count()


class Found(Protocol):
    """What a statement has found."""

    def fetchall(self) -> list[Row]: ...
    def fetchone(self) -> Row | None: ...


class Hand(Protocol):
    """A connection beside the store that looks at rows and turns clocks; what it does is done."""

    def execute(self, sql: str, parameters: Parameters | Sequence[Value] = ()) -> Found: ...

    def commit(self, transition: Transition[T], statements: Mapping[str, str]) -> T:
        """Follow a transition in a transaction of its own."""
        ...

    def plan(self, statement: str, parameters: Parameters) -> Sequence[str]:
        """The steps in which the database runs a statement, large tables or not."""
        ...

    def close(self) -> None: ...


class Place(Protocol):
    """Where a database lies; made and empty, or as the last one who opened it has left it."""

    @property
    def name(self) -> str: ...
    @property
    def dialect(self) -> Dialect: ...
    def opened(self, server: ServerId = SERVER) -> AbstractAsyncContextManager[Database]: ...
    def hand(self) -> Hand: ...


# ── SQLite ──


class SqliteHand:
    def __init__(self, path: Path | str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("pragma foreign_keys = on")

    def execute(self, sql: str, parameters: Parameters | Sequence[Value] = ()) -> Found:
        return self.connection.execute(sql, parameters)

    def commit(self, transition: Transition[T], statements: Mapping[str, str]) -> T:
        self.connection.execute("begin immediate")
        try:
            done = drive(self.connection, statements, transition)
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")
        return done

    def plan(self, statement: str, parameters: Parameters) -> Sequence[str]:
        text = load(SQLITE)[statement]
        rows = self.connection.execute(f"explain query plan {text}", parameters).fetchall()
        return [str(row[3]) for row in rows]

    def close(self) -> None:
        self.connection.close()


@dataclass
class SqlitePlace:
    path: Path
    name: str = "sqlite"
    dialect: Dialect = SQLITE
    _hands: list[SqliteHand] = field(default_factory=list[SqliteHand])

    @asynccontextmanager
    async def opened(self, server: ServerId = SERVER) -> AsyncGenerator[Database]:  # noqa: ARG002
        async with open_sqlite(self.path) as database:
            yield database

    def hand(self) -> SqliteHand:
        self._hands.append(SqliteHand(self.path))
        return self._hands[-1]

    def close(self) -> None:
        for hand in self._hands:
            hand.close()


# ── PostgreSQL ──


class Loop:
    """An event loop in a thread of its own, so that tests of any kind may use its connections."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Rows:
    found: list[Row]

    def fetchall(self) -> list[Row]:
        return self.found

    def fetchone(self) -> Row | None:
        return self.found[0] if self.found else None


class PostgresHand:
    def __init__(self, loop: Loop, url: str, dialect: Dialect) -> None:
        self._loop, self._dialect = loop, dialect
        self._connection = loop.run(connect(url))

    def execute(self, sql: str, parameters: Parameters | Sequence[Value] = ()) -> Found:
        if isinstance(parameters, Mapping):
            named = numbered(sql)
            text, values = named.text, named.values(parameters)
        else:
            places = itertools.count(1)
            text = re.sub(r"\?", lambda _: f"${next(places)}", sql)
            values = list(parameters)
        found = self._loop.run(self._connection.fetch(text, *values))
        return Rows([cast("Row", tuple(record)) for record in found])

    def commit(self, transition: Transition[T], statements: Mapping[str, str]) -> T:
        texts, made = Statements(statements), list[T]()

        def chain() -> Transition[None]:
            made.append((yield from transition))

        async def done() -> None:
            async with self._connection.transaction():
                await follow_together(self._connection, texts, [chain()])

        self._loop.run(done())
        return made[0]

    def plan(self, statement: str, parameters: Parameters) -> Sequence[str]:
        """As for a table too large to be read, and for values that are not known yet."""
        one = numbered(load(self._dialect)[statement])
        values = ", ".join("null" for _ in one.values(parameters))
        self.execute(f"prepare planned as {one.text}")
        try:
            for choice in ("enable_seqscan = off", "plan_cache_mode = force_generic_plan"):
                self.execute(f"set {choice}")
            found = self.execute(f"explain execute planned{f'({values})' if values else ''}")
            return [str(line) for (line,) in found.fetchall()]
        finally:
            self.execute("reset all")
            self.execute("deallocate planned")

    def empty(self) -> None:
        tables = self.execute(
            "select string_agg(tablename, ', ') from pg_tables"
            " where schemaname = 'public' and tablename <> 'schema_migrations'"
        ).fetchone()
        assert tables is not None
        self.execute(f"truncate {tables[0]}")

    def close(self) -> None:
        self._loop.run(self._connection.close())


@dataclass
class PostgresPlace:
    loop: Loop
    url: str
    name: str = "postgres"
    dialect: Dialect = field(default_factory=lambda: postgres(SERVER))
    _hands: list[PostgresHand] = field(default_factory=list[PostgresHand])

    @asynccontextmanager
    async def opened(self, server: ServerId = SERVER) -> AsyncGenerator[Database]:
        async with open_postgres(self.url, server) as database:
            yield database

    def hand(self) -> PostgresHand:
        self._hands.append(PostgresHand(self.loop, self.url, self.dialect))
        return self._hands[-1]

    def close(self) -> None:
        for hand in self._hands:
            hand.close()


@contextmanager
def postgres_place(loop: Loop, server_url: str) -> Generator[PostgresPlace]:
    """A database of our own in that server, made from a template that has all migrations."""
    parts = urlsplit(server_url)
    template = f"{TEMPLATE}_{os.getpid()}"
    name = f"{template}_{next(_count)}"

    async def command(*texts: str) -> None:
        connection = await asyncpg.connect(server_url)
        try:
            for text in texts:
                await connection.execute(text)
        finally:
            await connection.close()

    async def make() -> None:
        try:
            await command(f"create database {template}")
        except asyncpg.DuplicateDatabaseError:
            pass
        else:
            await prepare(parts._replace(path=f"/{template}").geturl())
        await command(f"create database {name} template {template}")

    loop.run(make())
    place = PostgresPlace(loop, parts._replace(path=f"/{name}").geturl())
    try:
        yield place
    finally:
        place.close()
        loop.run(command(f"drop database {name} with (force)"))


def migrated(path: Path | str) -> SqliteHand:
    """A SQLite database that nobody else has."""
    hand = SqliteHand(path)
    migrate.upgrade(hand.connection)
    return hand
