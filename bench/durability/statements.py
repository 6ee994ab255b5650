"""The statements of one change or one read, timed without the commit and then undone."""

import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

import asyncpg

from bench.durability.filling import MODEL, OWNER, WAITING, Filled, some, version
from darkroom.domain.ids import Minter, Owner, PredictionId, ServerId, WorkerId
from darkroom.domain.prediction import JsonText
from darkroom.ports.predictions import Acceptance, Asking, Holder, Page
from darkroom.store.database import Database
from darkroom.store.postgres_writer import follow
from darkroom.store.predictions import PredictionTables
from darkroom.store.statements import SQLITE, Statements, load, postgres
from darkroom.store.transitions.recipe import Transition
from darkroom.store.writer import drive

T = TypeVar("T")
PAGE = 100
DEEP = 500
"""Which page is deep down, where the owner has as many."""

Call: TypeAlias = Callable[[int], Awaitable[float]]


class Timed(Database, Protocol):
    """A database that changes nothing; `seconds` is how long the last transition took."""

    seconds: float


class _OnSqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.seconds = 0.0
        self._connection = connection
        self._texts = load(SQLITE)

    async def write(
        self,
        recipe: Callable[[], Transition[T]],
        *,
        patient: bool = False,  # noqa: ARG002  # the port's signature
        about: str | None = None,  # noqa: ARG002  # the port's signature
    ) -> T:
        self._connection.execute("begin immediate")
        try:
            return await self.read(recipe())
        finally:
            self._connection.execute("rollback")

    async def read(self, transition: Transition[T]) -> T:
        began = time.perf_counter()
        found = drive(self._connection, self._texts, transition)
        self.seconds = time.perf_counter() - began
        return found

    async def scrub(self) -> None: ...


class _OnPostgres:
    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.seconds = 0.0
        self._connection = connection
        self._statements = Statements(load(postgres(ServerId("bench"))))

    async def write(
        self,
        recipe: Callable[[], Transition[T]],
        *,
        patient: bool = False,  # noqa: ARG002  # the port's signature
        about: str | None = None,  # noqa: ARG002  # the port's signature
    ) -> T:
        undone = self._connection.transaction()
        await undone.start()
        try:
            return await self.read(recipe())
        finally:
            await undone.rollback()

    async def read(self, transition: Transition[T]) -> T:
        began = time.perf_counter()
        found = await follow(self._connection, self._statements, transition)
        self.seconds = time.perf_counter() - began
        return found

    async def scrub(self) -> None: ...


def deep_edge(filled: Filled, page: int = DEEP) -> PredictionId:
    """The last id before a page deep down: *page*, or the last full one if there are fewer.

    There must be two full pages at least.
    """
    before = (min(page, len(filled.ids) // PAGE) - 1) * PAGE
    return filled.ids[len(filled.ids) - before]


@asynccontextmanager
async def on_sqlite(filled: Filled) -> AsyncGenerator[Timed]:
    connection = sqlite3.connect(Path(filled.place) / "darkroom.db", isolation_level=None)
    try:
        yield _OnSqlite(connection)
    finally:
        connection.close()


@asynccontextmanager
async def on_postgres(filled: Filled) -> AsyncGenerator[Timed]:
    connection = await asyncpg.connect(filled.place, statement_cache_size=512)
    try:
        yield _OnPostgres(connection)
    finally:
        await connection.close()


def calls(database: Timed, filled: Filled) -> Mapping[str, Call]:
    """Each kind of change and read; they return how many seconds its statements took."""
    tables, ran = PredictionTables(database), version()
    minter = Minter(lambda: time.time_ns() // 1_000_000, os.urandom)
    holder = Holder(worker=WorkerId("hand"), incarnation=1)
    edge = deep_edge(filled)

    def new(number: int) -> Acceptance:
        return Acceptance(
            id=minter.mint(),
            owner=Owner(OWNER),
            model=MODEL,
            version=ran.id,
            shape=ran.shape,
            input=JsonText(f'{{"prompt":"a picture of the number {number}"}}'),
        )

    async def claim() -> None:
        found = await tables.claim(Asking(holder=holder, bonuses={ran.id: 0.0}, most=1))
        assert len(found) == 1, f"none of {WAITING} waits"

    def timed(call: Callable[[int], Awaitable[object]]) -> Call:
        async def seconds(turn: int) -> float:
            await call(turn)
            return database.seconds

        return seconds

    return {
        "create": timed(lambda turn: tables.accept(new(turn))),
        "get": timed(lambda turn: tables.get(some(filled.ids, turn))),
        "first page": timed(lambda _: tables.page(Owner(OWNER), Page(size=PAGE))),
        "page deep down": timed(lambda _: tables.page(Owner(OWNER), Page(size=PAGE, before=edge))),
        "claim": timed(lambda _: claim()),
    }
