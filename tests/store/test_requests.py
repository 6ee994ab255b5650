"""What the database keeps of requests: idempotency keys, and what made which prediction."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.store.acceptances import ADA, HOLDER, acceptance
from tests.store.places import Place

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Page
from darkroom.ports.requests import KEY_MS, Remembered
from darkroom.store.predictions import PredictionTables
from darkroom.store.requests import RequestTables
from darkroom.store.statements import load
from darkroom.store.transitions import repeating


@asynccontextmanager
async def tables(place: Place) -> AsyncGenerator[tuple[RequestTables, PredictionTables]]:
    async with place.opened() as database:
        yield RequestTables(database), PredictionTables(database)


def made(id_: str, digest: str) -> Remembered:
    return Remembered(prediction=PredictionId(id_), digest=digest)


async def test_a_key_makes_one_prediction_however_many_come_at_once(place: Place) -> None:
    async with tables(place) as (requests, store):
        several = [
            requests.accept_once(acceptance(f"p{number}", holder=HOLDER), "k", f"d{number}")
            for number in range(50)
        ]
        first, *others = await asyncio.gather(*several)

        assert isinstance(first, Prediction)
        assert first.claimed
        assert others == [made("p0", "d0")] * 49
        assert [one.id for one in await store.page(ADA, Page(size=9))] == ["p0"]
        assert len(await store.live()) == 1
        assert await requests.remembered(ADA, "k") == made("p0", "d0")


async def test_a_key_is_its_owners_own(place: Place) -> None:
    async with tables(place) as (requests, _store):
        await requests.accept_once(acceptance("p1"), "k", "d")

        assert await requests.remembered(Owner("bob"), "k") is None
        assert await requests.remembered(ADA, "other") is None


async def test_a_key_is_free_again_after_a_day(place: Place) -> None:
    async with tables(place) as (requests, _store):
        await requests.accept_once(acceptance("p1"), "k", "d1")
        place.hand().execute(
            "update idempotency_keys set created_at = created_at - :ms", {"ms": KEY_MS}
        )

        assert await requests.remembered(ADA, "k") is None
        assert isinstance(await requests.accept_once(acceptance("p2"), "k", "d2"), Prediction)
        assert await requests.remembered(ADA, "k") == made("p2", "d2")


async def test_a_key_survives_the_end_of_its_server(place: Place) -> None:
    async with tables(place) as (requests, _store):
        await requests.accept_once(acceptance("p1"), "k", "d")
    async with tables(place) as (requests, _store):
        assert await requests.accept_once(acceptance("p2"), "k", "d") == made("p1", "d")


async def test_a_key_that_another_server_has_just_stored_is_seen_at_the_second_look(
    place: Place,
) -> None:
    statements = load(place.dialect)
    blind = {**statements, "idempotency_key": "select 'p', 'd' where :owner = :key and 1 = 0"}
    async with tables(place) as (requests, _store):
        await requests.accept_once(acceptance("p1"), "k", "d")
        hand = place.hand()
        with pytest.raises(StoreBusy, match="just storing"):
            hand.commit(repeating.accept_once(acceptance("p2"), "k", "d"), blind)
        again = repeating.accept_once(acceptance("p3"), "k", "d")

        assert hand.commit(again, statements) == made("p1", "d")


async def test_requests_above_an_id_are_told_oldest_first_and_forgotten(place: Place) -> None:
    async with tables(place) as (requests, store):
        for number in range(5):
            digest = None if number == 3 else f"d{number}"
            await store.accept(replace(acceptance(f"p{number}"), request_digest=digest))
        since = PredictionId("p0")
        newest = [made("p1", "d1"), made("p2", "d2"), made("p4", "d4")]

        assert await requests.recent(since, 9) == newest
        assert await requests.recent(since, 2) == newest[1:]
        await requests.forget(since, [made("p2", "d2")])
        assert await requests.recent(PredictionId(""), 9) == [made("p0", "d0"), made("p2", "d2")]


async def test_what_waits_or_runs_is_told_as_unended(place: Place) -> None:
    async with tables(place) as (requests, store):
        for id_ in ("p1", "p2"):
            await store.accept(acceptance(id_))
        await store.cancel(PredictionId("p1"), ADA)

        assert await requests.unended() == [("p2", ADA)]

        for id_ in ("p3", "p4"):  # somebody runs them, perhaps a worker that outlived its server
            await store.accept(acceptance(id_, holder=HOLDER))
        await store.cancel(PredictionId("p3"), ADA)

        assert await requests.unended() == [("p2", ADA), ("p4", ADA)]
