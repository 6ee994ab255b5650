"""The data directory, held by one process at a time, and the database in it or elsewhere."""

import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from darkroom.domain.errors import DirectoryInUse, InvalidSetting
from darkroom.domain.extras import how_to_install
from darkroom.domain.ids import ServerId, base32
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.sqlite import open_sqlite

DATABASE = "darkroom.db"
SERVER = "server.id"
"""Whose attempts a server finds after a restart; a copy of the directory is no second server."""

_NO_DRIVER = (
    f"database_url: PostgreSQL needs a package that is not here; {how_to_install('postgres')}"
)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database, made if need be; the data directory is held until the block ends.

    Raises:
        DirectoryInUse: a server holds the directory.
        InvalidSetting: the directory cannot be made or written, or the database cannot be used.
    """
    with held(settings):
        if settings.database_url is None:
            async with open_sqlite(settings.data_dir / DATABASE) as database:
                yield database
            return
        try:
            from darkroom.store.postgres import open_postgres
        except ImportError as error:
            raise InvalidSetting(_NO_DRIVER) from error
        url = settings.database_url.get_secret_value()
        async with open_postgres(url, server_id(settings.data_dir)) as database:
            yield database


def server_id(directory: Path) -> ServerId:
    """Who the server of *directory* is to others on its database: the same at every start.

    Call it while the directory is held.
    """
    path = directory / SERVER
    try:
        return ServerId(path.read_text("ascii").strip())
    except FileNotFoundError:
        made = ServerId(base32(os.urandom(16)))
        written = path.with_suffix(".new")
        written.write_text(f"{made}\n", "ascii")
        written.replace(path)
        return made


def held(settings: Settings) -> IO[bytes]:
    """The directory's lock; the kernel gives it back however this process ends.

    Raises:
        DirectoryInUse: another process holds it.
        InvalidSetting: the directory cannot be made or written.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (settings.data_dir / "darkroom.lock").open("ab")
    except OSError as error:
        raise InvalidSetting(
            f"data_dir: {settings.data_dir} cannot be written ({error.strerror})"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise DirectoryInUse(
            f"another darkroom server holds {settings.data_dir}. "
            "Stop it, or choose another DARKROOM_DATA_DIR."
        ) from error
    return lock
