"""Pools are counted over everything that waits or runs, and nothing else."""

from dataclasses import replace

from tests.store.acceptances import HOLDER, acceptance
from tests.store.places import Place

from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.ports.pools import Running, Waiting
from darkroom.ports.predictions import Holder
from darkroom.store.pools import PoolTables
from darkroom.store.predictions import PredictionTables

OTHER = Holder(worker=WorkerId("x"), incarnation=1)


async def test_what_waits_is_counted_by_pool_and_version(place: Place) -> None:
    async with place.opened() as database:
        store, pools = PredictionTables(database), PoolTables(database)
        await store.accept(acceptance("p1"))
        await store.accept(acceptance("p2"))
        await store.accept(replace(acceptance("p3"), version=VersionId("w")))
        await store.accept(replace(acceptance("p4"), pool="large"))
        await store.accept(acceptance("p5", holder=HOLDER))
        await store.cancel(PredictionId("p2"), Owner("ada"))

        assert set(await pools.waiting()) == {
            Waiting("default", VersionId("v"), 1),
            Waiting("default", VersionId("w"), 1),
            Waiting("large", VersionId("v"), 1),
        }


async def test_what_runs_is_counted_by_worker_until_the_worker_has_ended_it(place: Place) -> None:
    async with place.opened() as database:
        store, pools = PredictionTables(database), PoolTables(database)
        await store.accept(acceptance("p1", holder=HOLDER))
        await store.accept(acceptance("p2", holder=HOLDER))
        await store.accept(replace(acceptance("p3", holder=OTHER), pool="large"))
        await store.accept(acceptance("p4"))
        await store.cancel(PredictionId("p2"), Owner("ada"))

        assert set(await pools.running()) == {
            Running("default", "w", 2),
            Running("large", "x", 1),
        }
