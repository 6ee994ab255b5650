"""What `darkroom db` does to the database and the files of a data directory."""

import asyncio
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from darkroom.compose.directory import DATABASE, held, open_database
from darkroom.compose.files import bucket_store
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
    """What a backup holds, by path in its folder; `bucket` says that the files are a bucket's."""

    darkroom: str
    schema: int
    files: dict[str, Kept]
    bucket: bool = False


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


def backup(settings: Settings, folder: Path, *, with_files: bool = True) -> Manifest:
    """Copy database and files into *folder*, which is new or empty; a server may run meanwhile.

    The database comes first: whatever it names was there by then, and what retention removes while
    the files are copied is due to go anyway.

    Raises:
        InvalidSetting: there is nothing to copy, or no room for it there.
        FilesUnavailable: a bucket does not give what it holds.
    """
    _on_sqlite(settings, "pg_dump --format=custom")
    if not (settings.data_dir / DATABASE).exists():
        raise InvalidSetting(f"data_dir: there is no database in {settings.data_dir}")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidSetting(f"{folder} is not empty; name a new folder for the backup")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    schema = whole.copy_sqlite(settings.data_dir / DATABASE, folder / DATABASE)
    files = {DATABASE: _described(folder / DATABASE)}
    for name in _files(settings, folder) if with_files else ():
        files[name] = _described(folder / name)
    in_bucket = with_files and settings.files_url is not None
    manifest = Manifest(version("darkroom"), schema, files, in_bucket)
    written = folder / f"{MANIFEST}.new"
    written.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    written.replace(folder / MANIFEST)  # last: a folder without it is no backup
    return manifest


def restore(settings: Settings, folder: Path, *, with_files: bool = True) -> Manifest:
    """Put a backup where no database and no files are yet.

    Returns:
        what it put there.

    Raises:
        DirectoryInUse: a server holds the data directory.
        InvalidSetting: *folder* holds no whole backup; the place has something or is another kind.
        FilesUnavailable: a bucket does not take what it should hold.
    """
    _on_sqlite(settings, "pg_restore")
    manifest = _whole(folder, with_files=with_files)
    with held(settings):
        for name in (DATABASE, f"{DATABASE}-wal", FILES):
            found = settings.data_dir / name
            if found.exists() and (found.is_file() or any(found.iterdir())):
                raise InvalidSetting(
                    f"data_dir: {found} is there already; restore into a directory without it"
                )
        files = sorted(name for name in manifest.files if name != DATABASE)
        if files:
            _put_back(settings, folder, manifest, files)
        _copied(folder / DATABASE, settings.data_dir / DATABASE)  # last
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


def _files(settings: Settings, folder: Path) -> Iterator[str]:
    """Copy all files into *folder*; yields their paths there."""
    if settings.files_url is not None:
        from darkroom.blobs.copies import fetched

        store = bucket_store(settings.files_url, settings.files_endpoint)
        yield from (f"{FILES}/{key}" for key in fetched(store, folder / FILES))
        return
    source = settings.data_dir / FILES
    for path in sorted(source.rglob("*")) if source.exists() else ():
        name = f"{FILES}/{path.relative_to(source).as_posix()}"
        if path.is_file() and _copied(path, folder / name):
            yield name


def _put_back(settings: Settings, folder: Path, manifest: Manifest, files: Sequence[str]) -> None:
    if manifest.bucket is not (settings.files_url is not None):
        place = "a bucket" if manifest.bucket else "a folder"
        raise InvalidSetting(
            f"files_url: the backup's files are those of {place}, and the settings name another "
            "kind of place; change them, or restore with --without-files"
        )
    if settings.files_url is None:
        for name in files:
            _copied(folder / name, settings.data_dir / name)
        return
    from darkroom.blobs.copies import has_files, put_back

    store = bucket_store(settings.files_url, settings.files_endpoint)
    if has_files(store):
        raise InvalidSetting(
            f"files_url: {settings.files_url} is not empty; restore under another prefix, or with "
            "--without-files where its files are those of the backup"
        )
    put_back(store, folder / FILES, [name.removeprefix(f"{FILES}/") for name in files])


def _whole(folder: Path, *, with_files: bool) -> Manifest:
    """The manifest of a backup, or of the database in it, whose every byte is as it was."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidSetting(f"{folder} holds no backup: {MANIFEST} cannot be read") from error
    if DATABASE not in manifest.files:
        raise InvalidSetting(f"{folder} holds no whole backup: {MANIFEST} names no database")
    if not with_files:
        alone = {DATABASE: manifest.files[DATABASE]}
        manifest = msgspec.structs.replace(manifest, files=alone)
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
