"""Brings a database to this release's schema: numbered, forward only, one transaction each."""

import sqlite3
from collections.abc import Sequence
from importlib.resources import files

from darkroom.domain.errors import SchemaTooNew

_JOURNAL = "create table if not exists schema_migrations(number integer primary key, name text)"


def available() -> Sequence[tuple[int, str, str]]:
    """Number, name and text of every migration, in order."""
    found = [
        (int(path.name[:4]), path.name, path.read_text("utf-8"))
        for path in (files("darkroom.store") / "migrations").iterdir()
        if path.name.endswith(".sql")
    ]
    return sorted(found)


def upgrade(connection: sqlite3.Connection) -> int:
    """Apply what is missing, under the write lock; returns the schema's number.

    Raises:
        SchemaTooNew: a newer darkroom wrote this database.
    """
    connection.execute(_JOURNAL)
    migrations = available()
    newest = migrations[-1][0]
    connection.execute("begin immediate")
    try:
        applied = _applied(connection, newest)
        for number, name, text in migrations:
            if number > applied:
                for statement in _statements(text):
                    connection.execute(statement)
                connection.execute("insert into schema_migrations values (?, ?)", (number, name))
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return newest


def _applied(connection: sqlite3.Connection, newest: int) -> int:
    (number,) = connection.execute("select max(number) from schema_migrations").fetchone()
    applied = int(number or 0)
    if applied > newest:
        raise SchemaTooNew(
            f"The database has schema {applied}, this darkroom knows {newest}. "
            "Install the release that wrote it, or a later one."
        )
    return applied


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
