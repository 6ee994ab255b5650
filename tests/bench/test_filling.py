"""What the bench puts into a database is what a server leaves there, and measuring changes none."""

import sqlite3
from pathlib import Path

from bench.durability.filling import OWNER, WAITING, fill_sqlite, version
from bench.durability.statements import PAGE, calls, deep_edge, on_sqlite

from darkroom.domain.ids import Owner, WorkerId
from darkroom.domain.prediction import Prediction, Status
from darkroom.ports.predictions import Asking, Holder, Page
from darkroom.store import whole
from darkroom.store.predictions import PredictionTables
from darkroom.store.sqlite import open_sqlite


async def test_filled_rows_contradict_one_another_nowhere(tmp_path: Path) -> None:
    fill_sqlite(tmp_path / "data", 60)
    async with open_sqlite(tmp_path / "data" / "darkroom.db") as database:
        assert await whole.contradictions(database) == []


async def test_a_filled_page_is_whole_and_the_newest_comes_first(tmp_path: Path) -> None:
    filled = fill_sqlite(tmp_path / "data", 60)
    async with open_sqlite(tmp_path / "data" / "darkroom.db") as database:
        page = await PredictionTables(database).page(Owner(OWNER), Page(size=PAGE))
    assert [one.id for one in page] == list(reversed(filled.ids))
    assert all(_as_a_run_leaves_it(one) for one in page)


async def test_of_what_waits_one_can_be_claimed(tmp_path: Path) -> None:
    fill_sqlite(tmp_path / "data", 5)
    holder = Holder(worker=WorkerId("w"), incarnation=1)
    async with open_sqlite(tmp_path / "data" / "darkroom.db") as database:
        asking = Asking(holder=holder, bonuses={version().id: 0.0}, most=WAITING + 1)
        claimed = await PredictionTables(database).claim(asking)
    assert len(claimed) == WAITING


async def test_timing_the_statements_leaves_the_rows_as_they_are(tmp_path: Path) -> None:
    filled = fill_sqlite(tmp_path / "data", 6 * PAGE)
    before = _told(tmp_path)
    async with on_sqlite(filled) as database:
        took = {what: await call(1) for what, call in calls(database, filled).items()}
    assert all(seconds > 0 for seconds in took.values())
    assert _told(tmp_path) == before


async def test_the_deepest_full_page_stands_for_the_500th(tmp_path: Path) -> None:
    filled = fill_sqlite(tmp_path / "data", 6 * PAGE)
    owned = len(filled.ids)
    async with open_sqlite(tmp_path / "data" / "darkroom.db") as database:
        page = await PredictionTables(database).page(
            Owner(OWNER), Page(size=owned, before=deep_edge(filled))
        )
    assert PAGE <= len(page) < 2 * PAGE
    assert (owned - len(page)) % PAGE == 0


def _as_a_run_leaves_it(one: Prediction) -> bool:
    ended = one.status in (Status.SUCCEEDED, Status.FAILED) and one.completed_at is not None
    return ended and one.logs != "" and len(one.output) == 1 and not one.claimed


def _told(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "data" / "darkroom.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()
