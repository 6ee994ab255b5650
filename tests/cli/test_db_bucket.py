"""`darkroom db backup` and `restore` where the files are in a bucket."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store
from tests.cli.conftest import Shell
from tests.support.buckets import S3Server, moto_server

from darkroom.blobs.s3 import open_bucket
from darkroom.store.sqlite import open_sqlite

LARGE = os.urandom(9 * 2**20)  # more than one part
FILES = {"predictions/p1/1/0": b"a picture", "uploads/u1": LARGE}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with moto_server() as started:
        yield started


@pytest.fixture
def place(server: S3Server) -> str:
    """A bucket with a prefix that holds two files and something of somebody else's."""
    url = server.place()
    store = bucket(server, url)
    for name, data in FILES.items():
        obstore.put(store, name, data)
    obstore.put(store, "not ours/.hidden", b"")
    return url


@pytest.fixture
def shell(tmp_path: Path, server: S3Server, place: str) -> Shell:
    hidden = ("DARKROOM", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    named = {"DARKROOM_DATA_DIR": "data", "DARKROOM_FILES_URL": place}
    (tmp_path / "data").mkdir()
    asyncio.run(lived(tmp_path / "data" / "darkroom.db"))
    return Shell(tmp_path, {**kept, **server.environment, **named})


def bucket(server: S3Server, url: str) -> S3Store:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        return open_bucket(url, endpoint=server.endpoint)


async def lived(path: Path) -> None:
    async with open_sqlite(path):
        pass


def test_the_files_of_a_bucket_go_into_the_backup_and_into_another_bucket(
    shell: Shell, server: S3Server, tmp_path: Path
) -> None:
    made = shell("db", "backup", "backup", "--json")
    kept = {name: (tmp_path / "backup/files" / name).read_bytes() for name in FILES}
    other = server.place()
    words = ("db", "restore", "backup", "--data-dir", "fresh")
    restored = shell(*words, DARKROOM_FILES_URL=other)
    store = bucket(server, other)
    there = {name: bytes(obstore.get(store, name).bytes()) for name in FILES}

    assert json.loads(made.stdout)["files"] == 1 + len(FILES), made.stderr
    assert kept == FILES
    assert restored.returncode == 0, restored.stderr
    assert there == FILES
    assert (tmp_path / "fresh" / "darkroom.db").exists()


def test_a_bucket_that_holds_files_and_a_folder_are_refused_before_anything_is_written(
    shell: Shell, tmp_path: Path
) -> None:
    shell("db", "backup", "backup")
    words = ("db", "restore", "backup", "--data-dir", "fresh")
    full = shell(*words)
    in_folder = Shell(tmp_path, without(shell.environment, "DARKROOM_FILES_URL"))(*words)

    assert (full.returncode, "is not empty" in full.stderr) == (2, True)
    assert (in_folder.returncode, "those of a bucket" in in_folder.stderr) == (2, True)
    assert not (tmp_path / "fresh" / "darkroom.db").exists()


def test_the_database_alone_is_taken_and_put_back_where_that_is_asked_for(
    shell: Shell, tmp_path: Path
) -> None:
    made = shell("db", "backup", "backup", "--without-files", "--json")
    restored = shell("db", "restore", "backup", "--without-files", "--data-dir", "fresh")

    assert json.loads(made.stdout)["files"] == 1, made.stderr
    assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == [
        "darkroom.db",
        "manifest.json",
    ]
    assert restored.returncode == 0, restored.stderr


def test_a_bucket_that_is_not_there_ends_the_backup_with_its_name(shell: Shell) -> None:
    done = shell("db", "backup", "backup", DARKROOM_FILES_URL="s3://nowhere-at-all")

    assert done.returncode == 2
    assert "nowhere-at-all" in done.stderr


def without(environment: dict[str, str], name: str) -> dict[str, str]:
    return {one: value for one, value in environment.items() if one != name}
