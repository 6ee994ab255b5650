"""Attempts of remote workers: taken over by the server they come to, told once, lost once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.store.acceptances import ADA, HOLDER, acceptance
from tests.store.places import Loop, Place, postgres_place

from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.ids import PredictionId, ServerId, VersionId, WorkerId
from darkroom.domain.prediction import Outcome
from darkroom.ports.predictions import Adopted, Holder, Lease, Lost, Resumed
from darkroom.store.predictions import PredictionTables

FAR = Holder(worker=WorkerId("far"), incarnation=7, remote=True)
P1, P2, P3 = (PredictionId(f"p{number}") for number in (1, 2, 3))
V = VersionId("v")


@asynccontextmanager
async def tables(place: Place, server: str = "s1") -> AsyncGenerator[PredictionTables]:
    async with place.opened(ServerId(server)) as database:
        yield PredictionTables(database)


def line(number: int, text: str = "line\n", outcome: Outcome | None = None) -> Report:
    return Report(
        prediction=P1,
        attempt=1,
        started=True,
        events=[LogText(text=text)],
        finished=Finished(outcome=outcome) if outcome else None,
        number=number,
    )


def lost(lease: Lease | None, outcome: Outcome = Outcome.LOST) -> Lost:
    return Lost(prediction=P1, attempt=1, outcome=outcome, reason="gone.", lease=lease)


async def test_a_worker_takes_over_what_it_holds_and_the_rest_is_told(place: Place) -> None:
    async with tables(place) as store:
        earlier = replace(FAR, incarnation=6)
        for id_, holder in ((P1, FAR), (P2, FAR), (P3, earlier), (PredictionId("p4"), HOLDER)):
            await store.accept(acceptance(id_, holder=holder))
        found = await store.adopt(FAR, [(P1, 1), (P3, 1), (PredictionId("p4"), 1)])

    assert found.resumed == [Resumed(prediction=P1, attempt=1, version=V, wanted=True)]
    assert [(one.prediction, one.holder) for one in found.orphans] == [(P2, FAR), (P3, earlier)]


async def test_what_was_sent_after_its_worker_had_gone_elsewhere_is_released(
    postgres_url: str, postgres_loop: Loop
) -> None:
    with postgres_place(postgres_loop, postgres_url) as place:
        async with tables(place) as one, tables(place, "s2") as other:
            await one.adopt(FAR, [])
            await other.adopt(FAR, [])
            await one.accept(acceptance("p1", holder=FAR))
            found = await one.lose(lost(Lease(holder=FAR)))
            ((losses,),) = place.hand().execute("select losses from predictions").fetchall()

    assert found is not None
    assert losses == 0


async def test_who_has_come_back_is_lost_as_ever(postgres_url: str, postgres_loop: Loop) -> None:
    with postgres_place(postgres_loop, postgres_url) as place:
        async with tables(place) as one, tables(place, "s2") as other:
            for store in (one, other, one):
                await store.adopt(FAR, [])
            await one.accept(acceptance("p1", holder=FAR))
            await one.lose(lost(Lease(holder=FAR)))
            ((losses,),) = place.hand().execute("select losses from predictions").fetchall()

    assert losses == 1


async def test_what_has_ended_is_not_taken_over_and_what_is_canceled_is_unwanted(
    place: Place,
) -> None:
    async with tables(place) as store:
        for id_ in (P1, P2):
            await store.accept(acceptance(id_, holder=FAR))
        await store.report(line(1, outcome=Outcome.SUCCEEDED))
        await store.cancel(P2, ADA)
        found = await store.adopt(FAR, [(P1, 1), (P2, 1)])

    resumed = [Resumed(prediction=P2, attempt=1, version=V, wanted=False)]
    assert found == Adopted(resumed=resumed, orphans=[])


@pytest.mark.fault(12)
async def test_what_was_recorded_under_its_number_is_not_recorded_again(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(acceptance("p1", holder=FAR))
        first = [await store.report(line(number)) for number in (1, 2)]
        again = [await store.report(line(number)) for number in (1, 2)]
        ended = await store.report(line(3, "end\n", Outcome.SUCCEEDED))
        after = await store.report(line(3, "end\n", Outcome.SUCCEEDED))

    assert again == [first[1], first[1]]
    assert after == ended
    assert ended is not None
    assert ended.logs == "line\nline\nend\n"


async def test_a_superseded_attempt_changes_nothing_whatever_its_number(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(acceptance("p1", holder=FAR))
        await store.lose(lost(None))
        told = [await store.report(line(number, "zombie\n")) for number in (1, 2)]
        found = await store.get(P1)

    assert told == [None, None]
    assert found is not None
    assert "zombie" not in found.logs


@pytest.mark.parametrize(
    "other",
    [
        Lease(holder=HOLDER),
        Lease(holder=replace(FAR, incarnation=8)),
        Lease(holder=FAR, server=ServerId("elsewhere")),
    ],
)
async def test_an_attempt_is_lost_only_while_its_lease_stands(place: Place, other: Lease) -> None:
    async with tables(place) as store:
        await store.accept(acceptance("p1", holder=FAR))
        kept = await store.lose(lost(other))
        gone = await store.lose(lost(Lease(holder=FAR)))
        again = await store.lose(lost(Lease(holder=FAR)))
        found = await store.get(P1)

    assert (kept, again) == (None, None)
    assert gone is not None
    assert gone == found


async def test_an_attempt_is_adopted_or_lost_and_never_both(
    postgres_url: str, postgres_loop: Loop
) -> None:
    """Two servers at once: one whose time for the worker is over, one that the worker comes to."""
    with postgres_place(postgres_loop, postgres_url) as place:
        async with tables(place) as one, tables(place, "s2") as other:
            ids = [PredictionId(f"q{number:02}") for number in range(40)]
            await asyncio.gather(*(one.accept(acceptance(id_, holder=FAR)) for id_ in ids))
            left = [
                replace(lost(Lease(holder=FAR)), prediction=id_, outcome=Outcome.LOST)
                for id_ in ids
            ]
            *losing, adopted = await asyncio.gather(
                *(one.lose(each) for each in left), other.adopt(FAR, [(id_, 1) for id_ in ids])
            )
            with_other = {live.prediction for live in await other.live()}
            with_one = [live.prediction for live in await one.live()]

    assert isinstance(adopted, Adopted)
    kept = {each.prediction for each in adopted.resumed}
    gone = {each.prediction for each, found in zip(left, losing, strict=True) if found}
    assert kept == with_other
    assert kept.isdisjoint(gone)
    assert kept | gone == set(ids)
    assert with_one == []


@pytest.mark.fault(7, 8)
async def test_two_servers_that_give_an_attempt_up_lose_it_once(
    postgres_url: str, postgres_loop: Loop
) -> None:
    with postgres_place(postgres_loop, postgres_url) as place:
        async with tables(place) as one, tables(place, "s2") as other:
            await one.accept(acceptance("p1", holder=FAR))
            lease = Lease(holder=FAR, server=ServerId("s1"))
            twice = await asyncio.gather(one.lose(lost(lease)), other.lose(lost(lease)))
            ((losses,),) = place.hand().execute("select losses from predictions").fetchall()

    assert [found is None for found in twice].count(True) == 1
    assert losses == 1
