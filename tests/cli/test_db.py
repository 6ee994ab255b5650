"""`darkroom db`: a backup is whole or refused, and a move takes everything or nothing."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.conftest import Shell
from tests.store.acceptances import HOLDER, acceptance
from tests.store.places import Loop, PostgresPlace, postgres_place

from darkroom.domain.events import Finished, LogText, Published, Report
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import JsonText, Outcome, Prediction
from darkroom.store.keys import KeyTables
from darkroom.store.predictions import PredictionTables
from darkroom.store.requests import RequestTables
from darkroom.store.sqlite import open_sqlite

P1, PICTURE = PredictionId("p1"), b"bytes of a picture"


async def lived(folder: Path) -> tuple[Prediction, bytes]:
    """A data directory in which something has happened; one ended prediction and a secret."""
    (folder / "files" / "predictions" / "p1").mkdir(parents=True)
    (folder / "files" / "predictions" / "p1" / "0").write_bytes(PICTURE)
    async with open_sqlite(folder / "darkroom.db") as database:
        store = PredictionTables(database)
        new = replace(acceptance("p1", holder=HOLDER), webhook="https://hooks.test/x")
        await store.accept(new)
        await RequestTables(database).accept_once(acceptance("p2", holder=HOLDER), "k", "d")
        await store.report(
            Report(
                prediction=P1,
                attempt=1,
                started=True,
                events=[LogText(text="a\0b\n"), Published(index=0, value=JsonText('"word"'))],
                finished=Finished(outcome=Outcome.SUCCEEDED, run_seconds=0.25),
            )
        )
        ended = await store.get(P1)
        assert ended is not None
        return ended, await KeyTables(database).secret("capabilities")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    kept = {name: value for name, value in os.environ.items() if "DARKROOM" not in name}
    return Shell(tmp_path, {**kept, "DARKROOM_DATA_DIR": "data"})


@pytest.fixture
def target(postgres_url: str) -> Iterator[PostgresPlace]:
    with closing(Loop()) as loop, postgres_place(loop, postgres_url) as place:
        yield place


def test_a_backup_is_restored_byte_for_byte(shell: Shell, data: Path, tmp_path: Path) -> None:
    ended, secret = asyncio.run(lived(data))
    with closing(sqlite3.connect(data / "darkroom.db")) as somebody:  # a server that has it open
        somebody.execute("begin immediate")
        made = shell("db", "backup", "backup", "--json")
    again = shell("db", "backup", "backup")
    restored = shell("db", "restore", "backup", "--data-dir", "fresh")
    twice = shell("db", "restore", "backup", "--data-dir", "fresh")

    async def found() -> tuple[Prediction | None, bytes]:
        async with open_sqlite(tmp_path / "fresh" / "darkroom.db") as database:
            store = PredictionTables(database)
            return await store.get(P1), await KeyTables(database).secret("capabilities")

    assert json.loads(made.stdout)["files"] == 2, made.stderr
    assert (again.returncode, "not empty" in again.stderr) == (2, True)
    assert restored.returncode == 0, restored.stderr
    assert (twice.returncode, "is there already" in twice.stderr) == (2, True)
    assert asyncio.run(found()) == (ended, secret)
    assert (tmp_path / "fresh/files/predictions/p1/0").read_bytes() == PICTURE
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("harm", ["files/predictions/p1/0", "darkroom.db", "manifest.json"])
def test_a_harmed_backup_is_refused_before_anything_is_written(
    shell: Shell, data: Path, tmp_path: Path, harm: str
) -> None:
    asyncio.run(lived(data))
    shell("db", "backup", "backup")
    path = tmp_path / "backup" / harm
    path.write_bytes(path.read_bytes()[:-1])
    done = shell("db", "restore", "backup", "--data-dir", "fresh")

    assert done.returncode == 2
    assert not (tmp_path / "fresh" / "darkroom.db").exists()


@pytest.mark.parametrize("words", [(), ("--without-files",)])
def test_a_manifest_without_its_database_is_refused(
    shell: Shell, data: Path, tmp_path: Path, words: Sequence[str]
) -> None:
    asyncio.run(lived(data))
    shell("db", "backup", "backup")
    manifest = tmp_path / "backup" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "files": {}}))
    done = shell("db", "restore", "backup", *words, "--data-dir", "fresh")

    assert (done.returncode, "names no database" in done.stderr) == (2, True)
    assert not (tmp_path / "fresh" / "darkroom.db").exists()


def test_upgrade_and_check_tell_what_there_is(shell: Shell, data: Path) -> None:
    upgraded = json.loads(shell("db", "upgrade", "--json").stdout)
    asyncio.run(lived(data))
    well = shell("db", "check")
    with closing(sqlite3.connect(data / "darkroom.db")) as connection:
        connection.execute("update attempts set ended_at = 1, outcome = 'lost'")
        connection.commit()
    ill = shell("db", "check", "--json")

    assert upgraded["schema"] >= 7
    assert (well.returncode, well.stdout) == (0, "The database is well.\n")
    assert ill.returncode == 1
    assert json.loads(ill.stdout) == ["prediction p2 is claimed, and no attempt is open"]


def test_a_move_takes_every_row_and_refuses_a_second_one(
    shell: Shell, data: Path, target: PostgresPlace
) -> None:
    ended, capabilities = asyncio.run(lived(data))
    moved = shell("db", "move", "--to", target.url, "--json")
    again = shell("db", "move", "--to", target.url)

    async def found() -> tuple[Prediction | None, bytes, object]:
        async with target.opened() as database:
            known = await RequestTables(database).remembered(ended.owner, "k")
            secret = await KeyTables(database).secret("capabilities")
            return await PredictionTables(database).get(P1), secret, known

    there, kept, known = asyncio.run(found())
    counts = json.loads(moved.stdout)
    assert there == replace(ended, logs="a\N{REPLACEMENT CHARACTER}b\n")
    assert kept == capabilities
    assert known is not None
    assert (counts["predictions"], counts["attempts"], counts["deliveries"]) == (2, 2, 2)
    assert again.returncode == 2
    assert "already" in again.stderr
    checked = shell("db", "check", DARKROOM_DATABASE_URL=target.url)
    assert checked.stdout == "The database is well.\n", checked.stderr


def test_a_backup_of_postgresql_is_left_to_its_own_tools(
    shell: Shell, target: PostgresPlace
) -> None:
    done = shell("db", "backup", "backup", DARKROOM_DATABASE_URL=target.url)

    assert done.returncode == 2
    assert "pg_dump" in done.stderr
