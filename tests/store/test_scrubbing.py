"""The write-ahead log is emptied, and nobody who writes meanwhile is harmed."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.store.acceptances import acceptance

from darkroom.domain.errors import StoreBusy
from darkroom.store.predictions import PredictionTables
from darkroom.store.sqlite import SqliteDatabase, open_sqlite


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[SqliteDatabase]:
    async with open_sqlite(tmp_path / "a.db", busy_seconds=0.01) as opened:
        yield opened


async def test_the_log_is_emptied_between_the_changes_of_others(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    store = PredictionTables(database)
    before = [store.accept(acceptance(f"p{number}")) for number in range(300)]
    scrubs = [database.scrub() for _ in range(2)]
    after = [store.accept(acceptance(f"q{number}")) for number in range(300)]
    await asyncio.gather(*before, *scrubs, *after)
    await database.scrub()

    assert (tmp_path / "a.db-wal").stat().st_size == 0
    rows = sqlite3.connect(tmp_path / "a.db").execute("select count(*) from predictions")
    assert rows.fetchone() == (600,)


async def test_a_reader_in_the_way_is_told_and_harms_no_writer(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    store = PredictionTables(database)
    await store.accept(acceptance("p1"))
    reader = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from predictions").fetchall()
    await store.accept(acceptance("p2"))
    with pytest.raises(StoreBusy, match="Try again"):
        await database.scrub()
    assert (await store.accept(acceptance("p3"))).id == "p3"
    reader.close()
    await database.scrub()

    assert (tmp_path / "a.db-wal").stat().st_size == 0


async def test_a_scrub_asked_for_as_the_store_closes_is_done(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "b.db") as opened:
        scrubbed = opened.scrub()
    await asyncio.wait_for(scrubbed, 5)
