"""A database as a whole: checked, copied to a file, and moved from SQLite to PostgreSQL."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, cast

from darkroom.domain.errors import InvalidSetting
from darkroom.store import migrate
from darkroom.store.database import Database, rows_of
from darkroom.store.rows import Row

if TYPE_CHECKING:  # the driver is an extra
    from darkroom.store.postgres_writer import Connection

MOST_TOLD = 100
_OURS = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
_NOT_MOVED = {"schema_migrations", "servers", "commits", "remote_workers"}


async def contradictions(database: Database) -> Sequence[str]:
    """What is wrong with the rows, each in a sentence; the first hundred."""
    found = await database.read(rows_of("contradictions", {"most": MOST_TOLD}))
    return [f"prediction {id_} {what}" for what, id_ in found]


def sqlite_faults(path: Path) -> Sequence[str]:
    """What SQLite itself finds wrong with the file *path*; none if all is well."""
    with closing(_reading(path)) as connection:
        told = [str(line) for (line,) in connection.execute("pragma integrity_check")]
        loose = connection.execute("pragma foreign_key_check").fetchall()
    faults = [] if told == ["ok"] else told
    return [*faults, *(f"a row of {table} belongs to nothing" for table, *_ in loose)][:MOST_TOLD]


def copy_sqlite(path: Path, copy: Path) -> int:
    """Copy the database in the file *path* as it is at one moment, also while a server runs.

    Returns:
        its schema.
    """
    with closing(_reading(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("pragma journal_mode = delete")  # one file, whole
        return int(target.execute("select max(number) from schema_migrations").fetchone()[0])


async def move_to_postgres(path: Path, url: str) -> Mapping[str, int]:
    """Copy all rows of the SQLite file *path* into an empty PostgreSQL, all or none.

    Returns:
        how many rows each table has.

    Raises:
        InvalidSetting: the target cannot be reached, or is not empty.
    """
    from darkroom.store import postgres  # noqa: PLC0415  # the driver is an extra

    await postgres.prepare(url)
    connection = await postgres.connect(url)
    try:
        with closing(_reading(path)) as source:
            migrate.upgrade(source)
            source.execute("begin")
            async with connection.transaction():
                return {table: await _moved(source, connection, table) for table in _order(source)}
    finally:
        await connection.close()


async def _moved(source: sqlite3.Connection, target: "Connection", table: str) -> int:
    columns = [str(row[1]) for row in source.execute(f"pragma table_info({table})")]
    if await target.fetchval(f"select exists (select 1 from {table})"):  # noqa: S608  # our own table
        raise InvalidSetting(
            f"the target has rows in {table} already; give a database that is empty, "
            "such as one that createdb has just made"
        )
    await target.copy_records_to_table(table, records=_rows(source, table), columns=columns)
    count = source.execute(f"select count(*) from {table}").fetchone()  # noqa: S608  # our own table
    return int(count[0])


def _rows(source: sqlite3.Connection, table: str) -> Iterator[Row]:
    """All rows; PostgreSQL keeps no NUL in text."""
    for row in source.execute(f"select * from {table}"):  # noqa: S608  # our own table
        yield tuple(
            value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
            for value in cast("Row", row)
        )


def _order(source: sqlite3.Connection) -> Sequence[str]:
    """All tables, those that others belong to first."""
    names = [str(name) for (name,) in source.execute(_OURS)]
    sorter = TopologicalSorter(
        {
            name: {str(row[2]) for row in source.execute(f"pragma foreign_key_list({name})")}
            for name in names
        }
    )
    return [name for name in sorter.static_order() if name not in _NOT_MOVED]


def _reading(path: Path) -> sqlite3.Connection:
    """A connection that never checkpoints: a server may be writing."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma wal_autocheckpoint = 0")
    return connection
