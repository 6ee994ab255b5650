"""The store in one SQLite file: one writer, readers that never wait for it, commits on disk."""

import secrets
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from darkroom.domain.errors import StoreBusy
from darkroom.domain.events import Event, Report
from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.domain.prediction import Prediction, StoredFile
from darkroom.ports import Acceptance, ApiKey, Holder, LiveAttempt, Lost, Page
from darkroom.store import migrate, rows, transitions
from darkroom.store.rows import Parameters, Row
from darkroom.store.statements import SQLITE, load
from darkroom.store.transitions import Transition
from darkroom.store.writer import Writer, drive

T = TypeVar("T")

_ABOVE_ALL_IDS = "~"
_END_OF_TIME_MS = 2**62
BUSY_SECONDS = 0.2  # nobody else writes this file: a lock is somebody's mistake


class SqliteStore:
    """Satisfies PredictionStore, Attempts and KeyStore; made by `open_sqlite`.

    Methods that change predictions are not coroutines: what they queue is queued at once.
    """

    def __init__(
        self, *, writer: Writer, reader: sqlite3.Connection, statements: Mapping[str, str]
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._statements = statements

    # predictions

    def accept(self, new: Acceptance) -> Awaitable[Prediction]:
        """T1, and T2 if a holder is named."""
        return self._writer.write(lambda: transitions.accept(new), patient=new.patient)

    def claim(
        self, versions: Sequence[VersionId], holder: Holder, most: int
    ) -> Awaitable[Sequence[Prediction]]:
        """T2."""
        return self._writer.write(lambda: transitions.claim(versions, holder, most))

    def report(self, report: Report) -> Awaitable[Prediction | None]:
        """T3, T4, T5."""
        return self._writer.write(lambda: transitions.report(report))

    def lose(self, lost: Lost) -> Awaitable[Prediction | None]:
        """T6."""
        return self._writer.write(lambda: transitions.lose(lost))

    def cancel(self, prediction: PredictionId, owner: Owner | None) -> Awaitable[Prediction | None]:
        """T7."""
        return self._writer.write(lambda: transitions.cancel(prediction, owner))

    def expire(self, most: int) -> Awaitable[Sequence[Prediction]]:
        """T8."""
        return self._writer.write(lambda: transitions.expire(most))

    async def get(self, prediction: PredictionId) -> Prediction | None:
        """One prediction with its outputs and log."""
        found = self._read("get", {"id": prediction})
        return self._complete(found[0]) if found else None

    async def page(self, owner: Owner, page: Page) -> Sequence[Prediction]:
        """One page, newest first."""
        upwards = page.after is not None
        edge = page.after if upwards else page.before
        found = self._read(
            "page_up" if upwards else "page_down",
            {
                "owner": owner,
                "edge": _ABOVE_ALL_IDS if edge is None else edge,
                "from_ms": page.created_from or 0,
                "until_ms": _END_OF_TIME_MS if page.created_until is None else page.created_until,
                "size": page.size,
            },
        )
        return [self._complete(row) for row in (reversed(found) if upwards else found)]

    async def events(self, prediction: PredictionId, after: int) -> Sequence[Event]:
        """Events after number *after*."""
        return self._follow(transitions.events(prediction, after))

    # attempts and files

    async def live(self) -> Sequence[LiveAttempt]:
        """All open attempts."""
        return [rows.live_attempt(row) for row in self._read("live_attempts", {})]

    async def waiting(self) -> Sequence[VersionId]:
        """Versions that unclaimed predictions wait for."""
        return [VersionId(str(version)) for (version,) in self._read("waiting", {})]

    async def file(self, prediction: PredictionId, attempt: int, index: int) -> StoredFile | None:
        """A stored output or input."""
        found = self._read("item", {"id": prediction, "attempt": attempt, "place": index})
        return rows.stored_file(prediction, found[0]) if found else None

    # keys and secrets

    async def add_key(self, key: ApiKey) -> ApiKey:
        """Keep a key; one whose digest is known already stays as it was."""
        created_at = await self._writer.write(lambda: transitions.add_key(key))
        return key if created_at is None else replace(key, created_at=created_at)

    async def keys(self) -> Sequence[ApiKey]:
        """All keys."""
        return [rows.api_key(row) for row in self._read("keys", {})]

    async def revoke_key(self, key_id: str) -> ApiKey | None:
        """Revoke a key."""
        return await self._writer.write(lambda: transitions.revoke_key(key_id))

    async def secret(self, name: str) -> bytes:
        """A secret of 32 bytes."""
        offered = secrets.token_hex(32)
        return bytes.fromhex(await self._writer.write(lambda: transitions.secret(name, offered)))

    def _read(self, name: str, parameters: Parameters) -> list[Row]:
        return self._follow(_one(name, parameters))

    def _complete(self, row: Row) -> Prediction:
        return self._follow(transitions.complete(row))

    def _follow(self, transition: Transition[T]) -> T:
        try:
            return drive(self._reader, self._statements, transition)
        except sqlite3.OperationalError as error:
            raise StoreBusy(f"The database cannot be read now: {error}. Try again.") from error


def _one(name: str, parameters: Parameters) -> Transition[list[Row]]:
    return (yield name, parameters)


@asynccontextmanager
async def open_sqlite(
    path: Path,
    *,
    busy_seconds: float = BUSY_SECONDS,
    store_class: type[SqliteStore] = SqliteStore,
) -> AsyncGenerator[SqliteStore]:
    """Open the store in the file *path*, made and migrated if need be, until the block ends.

    Args:
        path: on a local disk; the directory exists.
        busy_seconds: how long a change waits for another program that holds the write lock.
        store_class: what is made of it; tests give one that refuses.

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
            yield store_class(writer=writer, reader=reader, statements=texts)
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
        "trusted_schema = off",
        "journal_size_limit = 67108864",
        "wal_autocheckpoint = 8192",
    ):
        connection.execute(f"pragma {pragma}")
    return connection
