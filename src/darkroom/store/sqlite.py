"""The database in one SQLite file: one writer, readers that never wait for it, commits on disk."""

import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from darkroom.domain.errors import StoreBusy
from darkroom.store import migrate
from darkroom.store.statements import SQLITE, load
from darkroom.store.transitions.recipe import Transition
from darkroom.store.writer import Writer, drive

T = TypeVar("T")

BUSY_SECONDS = 0.2  # nobody else writes this file: a lock is somebody's mistake


class SqliteDatabase:
    """Satisfies Database; made by `open_sqlite`."""

    def __init__(
        self, *, writer: Writer, reader: sqlite3.Connection, statements: Mapping[str, str]
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._statements = statements

    def write(
        self,
        recipe: Callable[[], Transition[T]],
        *,
        patient: bool = False,
        about: str | None = None,  # noqa: ARG002  # there is no way to the database to share
    ) -> Awaitable[T]:
        """Follow a transition in a transaction; done once it is on disk."""
        return self._writer.write(recipe, patient=patient)

    def scrub(self) -> Awaitable[None]:
        """Move the write-ahead log into the database and cut it to nothing.

        Deleted rows themselves are overwritten with zeros as they go, see the pragmas below.
        """
        return self._writer.scrub()

    async def read(self, transition: Transition[T]) -> T:
        """Follow a transition that changes nothing."""
        try:
            return drive(self._reader, self._statements, transition)
        except sqlite3.OperationalError as error:
            raise StoreBusy(f"The database cannot be read now: {error}. Try again.") from error


@asynccontextmanager
async def open_sqlite(
    path: Path, *, busy_seconds: float = BUSY_SECONDS
) -> AsyncGenerator[SqliteDatabase]:
    """Open the database in the file *path*, made and migrated if need be, until the block ends.

    Args:
        path: on a local disk; the directory exists.
        busy_seconds: how long a change waits for another program that holds the write lock.

    Raises:
        SchemaTooNew: a newer darkroom wrote the file.
    """
    texts = load(SQLITE)
    connection = _connect(path, busy_seconds)
    try:
        migrate.upgrade(connection)
        reader = _connect(path, busy_seconds)
        reader.execute("pragma query_only = on")
        writer = Writer(connection, texts)
        try:
            yield SqliteDatabase(writer=writer, reader=reader, statements=texts)
        finally:
            await writer.close()
            reader.close()
    finally:
        connection.close()


def _connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    for pragma in (
        "journal_mode = wal",
        "synchronous = full",
        "foreign_keys = on",
        "secure_delete = on",
        "trusted_schema = off",
        "journal_size_limit = 67108864",
        "wal_autocheckpoint = 8192",
    ):
        connection.execute(f"pragma {pragma}")
    return connection
