"""What `darkroom db` does to the database and the files of a data directory."""

import asyncio
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from darkroom.compose.directory import DATABASE, held, open_database
from darkroom.domain.errors import InvalidSetting
from darkroom.settings import Settings
from darkroom.store import migrate, whole

FILES = "files"
MANIFEST = "manifest.json"


class Kept(msgspec.Struct, frozen=True):
    """A file of a backup."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds, by path in its folder."""

    darkroom: str
    schema: int
    files: dict[str, Kept]


async def upgrade(settings: Settings) -> int:
    """Bring the database to this release's schema; returns its number.

    Raises:
        DirectoryInUse: a server holds the data directory.
        SchemaTooNew: a newer darkroom wrote the database.
    """
    async with open_database(settings):
        return migrate.newest()


async def check(settings: Settings) -> Sequence[str]:
    """What is wrong with the database, each in a sentence. No server may hold the directory.

    Raises:
        DirectoryInUse: a server holds the data directory.
        SchemaTooNew: a newer darkroom wrote the database.
    """
    async with open_database(settings) as database:
        found = await whole.contradictions(database)
    if settings.database_url is not None:
        return found
    return [*await asyncio.to_thread(whole.sqlite_faults, settings.data_dir / DATABASE), *found]


def backup(settings: Settings, folder: Path) -> Manifest:
    """Copy database and files into *folder*, which is new or empty; a server may run meanwhile.

    The database comes first: whatever it names was there by then, and what retention removes while
    the files are copied is due to go anyway.

    Raises:
        InvalidSetting: there is nothing to copy, or no room for it there.
    """
    _on_sqlite(settings, "pg_dump --format=custom")
    if not (settings.data_dir / DATABASE).exists():
        raise InvalidSetting(f"data_dir: there is no database in {settings.data_dir}")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidSetting(f"{folder} is not empty; name a new folder for the backup")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    schema = whole.copy_sqlite(settings.data_dir / DATABASE, folder / DATABASE)
    files = {DATABASE: _described(folder / DATABASE)}
    source = settings.data_dir / FILES
    for path in sorted(source.rglob("*")) if source.exists() else ():
        name = f"{FILES}/{path.relative_to(source).as_posix()}"
        if path.is_file() and _copied(path, folder / name):
            files[name] = _described(folder / name)
    manifest = Manifest(version("darkroom"), schema, files)
    written = folder / f"{MANIFEST}.new"
    written.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    written.replace(folder / MANIFEST)  # last: a folder without it is no backup
    return manifest


def restore(settings: Settings, folder: Path) -> Manifest:
    """Put a backup into a data directory that has no database and no files yet.

    Raises:
        DirectoryInUse: a server holds the data directory.
        InvalidSetting: *folder* holds no whole backup, or the directory is not empty.
    """
    _on_sqlite(settings, "pg_restore")
    manifest = _whole(folder)
    with held(settings):
        for name in (DATABASE, f"{DATABASE}-wal", FILES):
            found = settings.data_dir / name
            if found.exists() and (found.is_file() or any(found.iterdir())):
                raise InvalidSetting(
                    f"data_dir: {found} is there already; restore into a directory without it"
                )
        for name in sorted(manifest.files, key=lambda one: one == DATABASE):  # the database last
            _copied(folder / name, settings.data_dir / name)
    return manifest


async def move(settings: Settings, url: str) -> Mapping[str, int]:
    """Copy everything of the SQLite database into an empty PostgreSQL; returns rows by table.

    Raises:
        DirectoryInUse: a server holds the data directory.
        InvalidSetting: there is nothing to move, or the target is no empty PostgreSQL.
    """
    path = settings.data_dir / DATABASE
    if not path.exists():
        raise InvalidSetting(f"data_dir: there is no database in {settings.data_dir}")
    with held(settings):
        return await whole.move_to_postgres(path, url)


def _on_sqlite(settings: Settings, instead: str) -> None:
    if settings.database_url is not None:
        raise InvalidSetting(
            f"database_url: a PostgreSQL is kept by its own tools; use `{instead}`, and copy the "
            "files beside it"
        )


def _whole(folder: Path) -> Manifest:
    """The manifest of a backup whose every byte is as it was."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidSetting(f"{folder} holds no backup: {MANIFEST} cannot be read") from error
    for name, kept in manifest.files.items():
        path = folder / name
        inside = path.resolve().is_relative_to(folder.resolve())
        if not inside or not path.is_file() or _described(path) != kept:
            raise InvalidSetting(f"{path} is not as it was when the backup was made")
    return manifest


def _described(path: Path) -> Kept:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Kept(path.stat().st_size, digest)


def _copied(path: Path, to: Path) -> bool:
    """Copy a file; False if it has gone meanwhile."""
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        shutil.copy2(path, to)
    except FileNotFoundError:
        return False
    return True
