"""The data directory: held by one process at a time, with the database in it."""

import fcntl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import IO

from darkroom.domain.errors import DirectoryInUse, InvalidSetting
from darkroom.settings import Settings
from darkroom.store.sqlite import SqliteDatabase, open_sqlite


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[SqliteDatabase]:
    """The database of the data directory, which is made if need be and held until the block ends.

    Raises:
        DirectoryInUse: a server holds it.
        InvalidSetting: it cannot be made or written.
    """
    with _held(settings):
        async with open_sqlite(settings.data_dir / "darkroom.db") as database:
            yield database


def _held(settings: Settings) -> IO[bytes]:
    """The directory's lock; the kernel gives it back however this process ends."""
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
