"""Brings a database to this release's schema: numbered, forward only, all of it or nothing."""

import re
import sqlite3
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, cast

from darkroom.domain.errors import SchemaTooNew

if TYPE_CHECKING:  # the driver is an extra
    from asyncpg import Connection, Record

_JOURNAL = "create table if not exists schema_migrations(number integer primary key, name text)"
_NEWEST = "select max(number) from schema_migrations"
_LOCK = 0x6461726B726F6F6D  # "darkroom": the advisory lock of whoever migrates
_COLUMN = re.compile(r"\b(\w+) text\b")
_TUNING = "".join(
    f"alter table {table} set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,"
    " autovacuum_vacuum_threshold = 1000);"
    for table in ("predictions", "attempts", "deliveries", "servers")
)


def available() -> Sequence[tuple[int, str, str]]:
    """Number, name and text of every migration, in order."""
    found = [
        (int(path.name[:4]), path.name, path.read_text("utf-8"))
        for path in (files("darkroom.store") / "migrations").iterdir()
        if path.name.endswith(".sql")
    ]
    return sorted(found)


def newest() -> int:
    """The schema this release knows."""
    return available()[-1][0]


def upgrade(connection: sqlite3.Connection) -> int:
    """Apply what is missing, under the write lock; returns the schema's number.

    Raises:
        SchemaTooNew: a newer darkroom wrote this database.
    """
    connection.execute(_JOURNAL)
    connection.execute("begin immediate")
    try:
        (applied,) = connection.execute(_NEWEST).fetchone()
        for number, name, text in _missing(applied):
            for statement in _statements(text):
                connection.execute(statement)
            connection.execute("insert into schema_migrations values (?, ?)", (number, name))
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return newest()


async def upgrade_postgres(connection: "Connection[Record]") -> int:
    """The same in PostgreSQL, under a lock that makes other servers wait.

    Text columns compare byte by byte there, as they do in SQLite, whatever the database's locale;
    rows that change often get room to change in place.

    Raises:
        SchemaTooNew: a newer darkroom wrote this database.
    """
    async with connection.transaction():
        await connection.execute(f"select pg_advisory_xact_lock({_LOCK})")
        await connection.execute(_JOURNAL)
        missing = _missing(cast("int | None", await connection.fetchval(_NEWEST)))
        for number, name, text in missing:
            await connection.execute(_COLUMN.sub(r'\1 text collate "C"', text))
            await connection.execute("insert into schema_migrations values ($1, $2)", number, name)
        if missing:
            await connection.execute(_TUNING)
    return newest()


async def schema_of(connection: "Connection[Record]") -> int | None:
    """The schema that a PostgreSQL database has; None if it has none."""
    journal = await connection.fetchval("select to_regclass('schema_migrations')")
    return None if journal is None else cast("int | None", await connection.fetchval(_NEWEST))


def _missing(applied: int | None) -> Sequence[tuple[int, str, str]]:
    migrations = available()
    known = migrations[-1][0]
    if applied is not None and applied > known:
        raise SchemaTooNew(
            f"The database has schema {applied}, this darkroom knows {known}. "
            "Install the release that wrote it, or a later one."
        )
    return [one for one in migrations if one[0] > (applied or 0)]


def _statements(text: str) -> Sequence[str]:
    """Split at the semicolons that end statements; `executescript` would commit on its own."""
    found: list[str] = []
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
