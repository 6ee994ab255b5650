"""What PostgreSQL alone can get wrong: company of servers, sudden death, text it will not keep."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest
from tests.store.acceptances import ADA, HOLDER, acceptance, asking
from tests.store.box import ENDPOINT, Box
from tests.store.places import Loop, PostgresPlace, postgres_place
from tests.support.postgres import cluster

from darkroom.domain.errors import InvalidSetting, StoreBusy
from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.ids import PredictionId, ServerId, VersionId
from darkroom.domain.prediction import Outcome, Prediction
from darkroom.ports.predictions import Page
from darkroom.ports.requests import Remembered
from darkroom.store.deliveries import DeliveryTables
from darkroom.store.keys import KeyTables
from darkroom.store.postgres import open_postgres
from darkroom.store.postgres import place as named
from darkroom.store.postgres_writer import told as in_our_words
from darkroom.store.predictions import PredictionTables
from darkroom.store.requests import RequestTables

V = VersionId("v")


@pytest.fixture
def place(postgres_url: str, postgres_loop: Loop) -> Iterator[PostgresPlace]:
    with postgres_place(postgres_loop, postgres_url) as made:
        yield made


@asynccontextmanager
async def two(place: PostgresPlace) -> AsyncGenerator[tuple[PredictionTables, PredictionTables]]:
    """The same tables as two servers have them."""
    async with place.opened() as one, place.opened(ServerId("s2")) as other:
        yield PredictionTables(one), PredictionTables(other)


def test_trouble_is_told_as_one_sentence_after_another() -> None:
    assert str(in_our_words(OSError("it cannot be reached."))).endswith(
        " it cannot be reached. Try again."
    )


async def test_two_servers_never_claim_the_same_prediction(place: PostgresPlace) -> None:
    async with two(place) as servers:
        for number in range(60):
            await servers[0].accept(acceptance(f"p{number:02}"))
        claims = [servers[turn % 2].claim(asking(3)) for turn in range(40)]
        claimed = [
            one.prediction.id for several in await asyncio.gather(*claims) for one in several
        ]
        rest = await servers[1].claim(asking(60))

    assert len(set(claimed)) == len(claimed)
    assert len(claimed) + len(rest) == 60


async def test_what_another_server_locks_is_passed_by(place: PostgresPlace) -> None:
    async with two(place) as (store, _):
        await store.accept(acceptance("p1"))
        await store.accept(acceptance("p2"))
        hand = place.hand()
        hand.execute("begin")
        hand.execute("select id from predictions where id = 'p1' for update")
        [claimed] = await store.claim(asking(2))
        hand.execute("rollback")

    assert claimed.prediction.id == "p2"


async def test_one_idempotency_key_makes_one_prediction_on_two_servers(
    place: PostgresPlace,
) -> None:
    async with place.opened() as one, place.opened(ServerId("s2")) as other:
        stores = RequestTables(one), RequestTables(other)
        made = await asyncio.gather(
            *(
                stores[turn % 2].accept_once(acceptance(f"p{turn:02}"), f"k{turn // 8}", "d")
                for turn in range(64)
            )
        )
        listed = await PredictionTables(one).page(ADA, Page(size=99))

    accepted = [found for found in made if isinstance(found, Prediction)]
    remembered = {found.prediction for found in made if isinstance(found, Remembered)}
    assert len(accepted) == len(listed) == 8
    assert remembered == {found.id for found in accepted}


@pytest.mark.fault(17)
async def test_a_cancel_races_a_finish_on_another_server_and_one_of_them_wins(
    place: PostgresPlace,
) -> None:
    async with two(place) as (one, other):
        ids = [PredictionId(f"p{number:02}") for number in range(40)]
        await asyncio.gather(*(one.accept(acceptance(id_, holder=HOLDER)) for id_ in ids))
        done = Finished(outcome=Outcome.SUCCEEDED)
        finishes = [
            one.report(Report(prediction=id_, attempt=1, started=True, finished=done))
            for id_ in ids
        ]
        cancels = [other.cancel(id_, ADA) for id_ in reversed(ids)]
        reported = await asyncio.gather(*finishes)
        canceled = await asyncio.gather(*cancels)
        ended = [await one.get(id_) for id_ in ids]

    for told, seen, last in zip(reported, reversed(canceled), ended, strict=True):
        assert last is not None
        assert seen is not None
        assert seen.status == last.status
        assert (told is None) == (last.status == "canceled")


async def test_only_one_server_at_a_time_takes_from_an_endpoint(place: PostgresPlace) -> None:
    async with place.opened() as database:
        hand = place.hand()
        box = Box(PredictionTables(database), DeliveryTables(database), hand)
        await box.accept("completed")
        await box.tell(outcome=Outcome.SUCCEEDED)
        hand.execute("begin")
        lock = "select pg_advisory_xact_lock(hashtextextended(:endpoint, 0))"
        hand.execute(lock, {"endpoint": ENDPOINT})
        assert await box.take() == []
        hand.execute("rollback")
        assert await box.take() == [(1, "completed")]


async def test_each_server_takes_up_only_what_is_its_own(place: PostgresPlace) -> None:
    async with two(place) as (one, other):
        await one.accept(acceptance("p1", holder=HOLDER))
        await other.accept(acceptance("p2", holder=HOLDER))

        assert [live.prediction for live in await one.live()] == ["p1"]
        assert [live.prediction for live in await other.live()] == ["p2"]


async def test_text_that_postgresql_cannot_keep_is_kept_nearly(place: PostgresPlace) -> None:
    async with two(place) as (store, _):
        await store.accept(acceptance("p1", holder=HOLDER))
        told = Report(prediction=PredictionId("p1"), attempt=1, events=[LogText(text="a\0b\n")])
        await store.report(told)
        found = await store.get(PredictionId("p1"))

    assert found is not None
    assert found.logs == "a\N{REPLACEMENT CHARACTER}b\n"


async def test_servers_that_start_at_once_migrate_once_and_share_their_secrets(
    postgres_url: str, postgres_loop: Loop
) -> None:
    with postgres_place(postgres_loop, postgres_url) as place:
        hand = place.hand()
        hand.execute("drop schema public cascade")
        hand.execute("create schema public")

        async def secret(server: str) -> bytes:
            async with place.opened(ServerId(server)) as database:
                return await KeyTables(database).secret("capabilities")

        secrets = await asyncio.gather(*(secret(f"s{number}") for number in range(4)))
        assert len(set(secrets)) == 1


async def test_a_database_that_is_not_there_is_told_without_its_password() -> None:
    with pytest.raises(InvalidSetting, match=r"127\.0\.0\.1:1/none cannot be used") as told:
        async with open_postgres("postgresql://ada:hush@127.0.0.1:1/none", ServerId("s")):
            pass
    assert "hush" not in str(told.value)
    assert named("postgresql://u:p@h/d") == "h/d"


@pytest.mark.fault(19)
async def test_a_connection_that_is_cut_is_made_anew(place: PostgresPlace) -> None:
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    async with two(place) as (store, _):
        await store.accept(acceptance("p1"))
        place.hand().execute(cut)
        for _ in range(9):
            try:
                await store.accept(acceptance("p2"))
                break
            except StoreBusy:
                continue
        assert [one.id for one in await store.page(ADA, Page(size=9))] == ["p2", "p1"]


@pytest.mark.fault(19)
async def test_nothing_accepted_is_lost_by_a_kill_of_the_database() -> None:
    """Writers go on while the postmaster is killed three times; what they are told must be true."""
    accepted, refused = list[str](), list[str]()
    with cluster(quick=False) as postgres:
        async with open_postgres(postgres.url, ServerId("s")) as database:
            store, told = PredictionTables(database), asyncio.Semaphore(0)

            async def write(lane: int) -> None:
                for number in itertools.count():
                    id_ = f"p{lane}-{number:06}"
                    try:
                        await store.accept(acceptance(id_))
                        accepted.append(id_)
                        told.release()
                    except StoreBusy:
                        refused.append(id_)

            async def some_more() -> None:
                for _ in range(100):
                    await told.acquire()

            async with asyncio.TaskGroup() as lanes:
                writing = [lanes.create_task(write(lane)) for lane in range(8)]
                for _ in range(3):
                    await some_more()
                    await asyncio.to_thread(postgres.kill)
                    await asyncio.to_thread(postgres.start)
                await some_more()
                for lane in writing:
                    lane.cancel()
            found = [await store.get(PredictionId(id_)) for id_ in (*accepted, *refused)]

    there = {one.id for one in found if one is not None}
    assert refused
    assert set(accepted) <= there
    assert there.isdisjoint(refused)
