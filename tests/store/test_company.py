"""Changes that are queued together go to the database together, and keep the order that matters."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.store.acceptances import ADA, HOLDER, acceptance
from tests.store.places import Loop, Place, PostgresPlace, postgres_place

from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Outcome, Status
from darkroom.store.postgres import connect
from darkroom.store.postgres_writer import Connection, PostgresWriter
from darkroom.store.predictions import PredictionTables
from darkroom.store.statements import Statements, load
from darkroom.store.transitions import accepting, reporting
from darkroom.store.transitions.recipe import Transition


def ended(id_: str, lines: int = 0) -> Report:
    """A run from its start to its end, with some lines of log."""
    return Report(
        prediction=PredictionId(id_),
        attempt=1,
        started=True,
        events=[LogText(text=f"{number}\n") for number in range(lines)],
        finished=Finished(outcome=Outcome.SUCCEEDED),
    )


async def test_changes_about_one_prediction_keep_their_order(place: Place) -> None:
    async with place.opened() as database:
        store = PredictionTables(database)
        p1, p2 = PredictionId("p1"), PredictionId("p2")
        first = asyncio.gather(
            store.accept(acceptance("p1", holder=HOLDER)),
            store.accept(acceptance("p2", holder=HOLDER)),
        )
        second = asyncio.gather(store.report(ended("p1")), store.cancel(p2, ADA))
        third = asyncio.gather(store.cancel(p1, ADA), store.report(ended("p2")))
        await first
        reported, canceled = await second
        unchanged, refused = await third

    assert reported == unchanged
    assert reported is not None
    assert reported.status is Status.SUCCEEDED
    assert canceled is not None
    assert canceled.status is Status.CANCELED
    assert refused is None


async def test_a_change_about_many_sees_what_was_queued_before_it_and_no_more(
    place: Place,
) -> None:
    due = [replace(acceptance(id_), cancel_after_ms=-1) for id_ in ("p1", "p2", "p3")]
    async with place.opened() as database:
        store = PredictionTables(database)
        before = asyncio.gather(*(store.accept(one) for one in due[:2]))
        expired = asyncio.ensure_future(store.expire(9))
        await asyncio.gather(before, store.accept(due[2]))
        await expired

    assert sorted(one.id for one in expired.result()) == ["p1", "p2"]


async def test_reports_of_different_lengths_keep_company(place: Place) -> None:
    lengths = {f"p{number}": number * 7 % 20 for number in range(9)}
    async with place.opened() as database:
        store = PredictionTables(database)
        await asyncio.gather(*(store.accept(acceptance(id_, holder=HOLDER)) for id_ in lengths))
        told = await asyncio.gather(*(store.report(ended(id_, n)) for id_, n in lengths.items()))
        found = [await store.get(PredictionId(id_)) for id_ in lengths]

    assert told == found
    assert [len(one.logs.split()) for one in told if one is not None] == list(lengths.values())


@pytest.fixture
def postgres(postgres_url: str, postgres_loop: Loop) -> Iterator[PostgresPlace]:
    with postgres_place(postgres_loop, postgres_url) as made:
        yield made


async def test_forty_changes_cost_hardly_more_ways_to_the_database_than_one(
    postgres: PostgresPlace,
) -> None:
    ways = list[str]()

    async def connected() -> Connection:
        connection = await connect(postgres.url)
        connection.add_query_logger(lambda record: ways.append(record.query))
        return connection

    def run(id_: str) -> Transition[object]:
        yield from accepting.accept(acceptance(id_, holder=HOLDER))
        return (yield from reporting.report(ended(id_, 1)))

    writer = PostgresWriter(connected, Statements(load(postgres.dialect)))
    await writer.write(lambda: run("p0"), about="p0")
    alone, ways[:] = len(ways), []
    ids = [f"q{number:02}" for number in range(40)]
    await asyncio.gather(*(writer.write(lambda id_=id_: run(id_), about=id_) for id_ in ids))
    await writer.close()

    assert len(ways) <= alone
