"""Fair turns as clients and workers see them: order, shares, priorities and running limits."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.service.test_hub import RUNNING
from tests.store.acceptances import HOLDER, acceptance
from tests.support import rig as rigs
from tests.support.limits import Limits
from tests.support.rig import Rig

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.domain.model import Version
from darkroom.domain.prediction import Prediction, Status
from darkroom.ports.predictions import Asking, Claimed, PredictionStore
from darkroom.ports.twins import NOBODY
from darkroom.service.catalogue import Catalogue, load_catalogue
from darkroom.service.claiming import MOST_VERSIONS, Claims
from darkroom.service.fairness import Fairness
from darkroom.service.owners import Terms
from darkroom.service.seats import Held, Seat, best
from darkroom.service.turns import Turns
from darkroom.store.turns import TurnTables

ONE_SLOT = {"echo": 1}
ECHO = load_catalogue({}).resolve("darkroom/echo")[1]
GRANTED = {
    "ada": Terms(running=2),
    "bob": Terms(weight=3),
    "eve": Terms(priority=5),
    "sue": Terms(queued=1),
}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path, limits=Limits(owners=GRANTED)) as made:
        yield made


async def post(rig: Rig, owner: str, **headers: str) -> httpx2.Response:
    key = await rig.key_of(owner)
    body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
    return await rig.client.post(
        "/v1/predictions", json=body, headers={"Authorization": f"Bearer {key}", **headers}
    )


async def create(rig: Rig, owner: str, times: int = 1, **headers: str) -> list[str]:
    """Ids of predictions that *owner* creates one after the other."""
    answers = [await post(rig, owner, **headers) for _ in range(times)]
    assert {answer.status_code for answer in answers} == {201}
    return [str(answer.json()["id"]) for answer in answers]


async def run(rig: Rig, count: int, *, begun: int = 0) -> list[str]:
    """Ids in the order in which one slot runs them, after those that have ended."""
    order: list[str] = []
    for number in range(begun, begun + count):
        job = await rig.worker.job(number)
        order.append(job.id)
        await rig.worker.succeed(job)
        await rig.settled()
    return order


async def test_who_comes_late_is_not_behind_a_long_queue(rig: Rig) -> None:
    many = await create(rig, "tom", 8)
    rig.worker.join(ONE_SLOT)
    first = await run(rig, 2)
    [late] = await create(rig, "zoe")

    assert first == many[:2]
    assert late in await run(rig, 3, begun=2)


async def test_three_times_the_weight_is_three_times_the_runs(rig: Rig) -> None:
    light = await create(rig, "tom", 12)
    heavy = await create(rig, "bob", 12)
    rig.worker.join(ONE_SLOT)
    taken = await run(rig, 12)

    assert len(set(taken) & set(heavy)) == 9
    assert len(set(taken) & set(light)) == 3


async def test_an_owners_priority_and_a_lowered_one_are_kept(rig: Rig) -> None:
    [plain] = await create(rig, "tom")
    [urgent] = await create(rig, "eve")
    [modest] = await create(rig, "eve", 1, **{"Darkroom-Priority": "-1"})
    [later] = await create(rig, "tom")
    rig.worker.join(ONE_SLOT)

    assert await run(rig, 4) == [urgent, plain, later, modest]


@pytest.mark.parametrize("header", ["1", "11", "high", "1.5", "", "0x1"])
async def test_a_priority_that_is_none_or_too_high_is_refused(rig: Rig, header: str) -> None:
    refused = await post(rig, "tom", **{"Darkroom-Priority": header})

    assert refused.status_code == 422
    assert "Darkroom-Priority" in refused.json()["detail"]
    assert await rig.listed() == []


async def test_a_priority_of_ones_own_is_taken(rig: Rig) -> None:
    assert (await post(rig, "eve", **{"Darkroom-Priority": "+5"})).status_code == 201
    assert (await post(rig, "eve", **{"Darkroom-Priority": "6"})).status_code == 422


async def test_no_more_of_an_owner_run_than_it_may_and_the_next_follows(rig: Rig) -> None:
    rig.worker.join({"echo": 9})
    mine = await create(rig, "ada", 4)
    began = [(await rig.worker.job(0)).id, (await rig.worker.job(1)).id]
    [other] = await create(rig, "tom")
    third = await rig.worker.job(2)
    await rig.worker.succeed(rig.worker.jobs[0])
    fourth = await rig.worker.job(3)

    assert began == mine[:2]
    assert (third.id, fourth.id) == (other, mine[2])
    assert len(rig.worker.jobs) == 4


async def test_a_canceled_run_makes_room_for_the_next_of_its_owner(rig: Rig) -> None:
    rig.worker.join({"echo": 9})
    mine = await create(rig, "ada", 4)
    await rig.worker.job(1)
    await rig.predictions.cancel(PredictionId(mine[0]), Owner("ada"))
    third = await rig.worker.job(2)
    await rig.predictions.cancel(PredictionId(mine[3]), Owner("ada"))
    await rig.predictions.cancel(PredictionId(mine[1]), Owner("ada"))
    await rig.settled()

    assert third.id == mine[2]
    assert len(rig.worker.jobs) == 3


async def test_a_full_owner_keeps_nobody_from_being_dispatched_at_once(rig: Rig) -> None:
    rig.worker.join({"echo": 9})
    await create(rig, "ada", 4)
    await rig.worker.job(1)
    await rig.settled()
    held = len(rig.worker.jobs)
    await create(rig, "tom")

    assert len(rig.worker.jobs) == held + 1


async def test_an_owner_may_have_a_queue_limit_of_its_own(rig: Rig) -> None:
    statuses = [(await post(rig, owner)).status_code for owner in ("sue", "sue", "zoe", "zoe")]
    assert statuses == [201, 429, 201, 201]


async def test_a_restart_keeps_the_order_and_what_each_owner_has_had(rig: Rig) -> None:
    many = await create(rig, "tom", 6)
    rig.worker.join(ONE_SLOT)
    await run(rig, 2)
    await rig.worker.job(2)
    rig.worker.leave()
    await rig.settled()
    again = Fairness(owners=rig.dispatcher.fairness.owners)
    store = TurnTables(rig.database)
    turns = Turns(store=store, fairness=again, catalogue=load_catalogue({}), clock=rig.clock,
                  wake=rig.dispatcher.wake)  # fmt: skip
    await turns.recover()
    [left] = await store.waiting()
    newcomer = again.take_turn(Owner("zoe"), ECHO, 0, waits=True)
    more = again.take_turn(Owner("tom"), ECHO, 0, waits=True)

    assert left.count == 3
    assert left.first < newcomer < left.last < more
    rig.worker.join(ONE_SLOT, name="second")
    assert await run(rig, 4, begun=3) == many[2:]


async def test_a_limit_that_is_new_holds_for_what_waits_already(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path) as before:
        mine = await create(before, "ada", 4)
    async with rigs.rig(tmp_path, limits=Limits(owners={"ada": Terms(running=1)})) as rig:
        await rig.dispatcher.recover()
        await rig.turns.recover()
        rig.worker.join({"echo": 9})
        assert (await rig.worker.job()).id == mine[0]
        await rig.settled()
        assert len(rig.worker.jobs) == 1
    async with rigs.rig(tmp_path) as after:
        await after.dispatcher.recover()
        await after.turns.recover()
        after.worker.join({"echo": 9})
        await after.worker.job(3)


async def test_a_line_of_a_version_that_is_gone_fails_to_its_end(rig: Rig) -> None:
    for number in range(5):
        await rig.store.accept(replace(acceptance(f"p{number}"), limited=True, fair_key=number))
    await rig.dispatcher.recover()
    await rig.dispatcher.settled()
    found = [await rig.store.get(PredictionId(f"p{number}")) for number in range(5)]

    assert [one.status for one in found if one] == [Status.FAILED] * 5


async def test_a_line_moves_on_however_long_the_database_was_busy(rig: Rig) -> None:
    class Busy(TurnTables):
        refusals = 20

        async def advance(self, owner: Owner) -> Sequence[VersionId] | None:
            self.refusals -= 1
            if self.refusals > 0:
                raise StoreBusy("disk full")
            return await super().advance(owner)

    woken: asyncio.Queue[Version] = asyncio.Queue()
    turns = Turns(store=Busy(rig.database), fairness=rig.dispatcher.fairness,
                  catalogue=load_catalogue({}), clock=rig.clock, wake=woken.put_nowait,
                  retry_seconds=[0.0])  # fmt: skip
    await rig.store.accept(replace(acceptance("p1"), owner=Owner("ada"), version=ECHO.id,
                                   limited=True))  # fmt: skip
    turns.changed(replace(RUNNING, owner=Owner("ada"), claimed=False))

    assert (await asyncio.wait_for(woken.get(), 5)).id == ECHO.id


# ── who is asked for what ──


def seat(*, slots: int = 4, resident: Sequence[str] = (), pool: str = "default") -> Seat:
    return Seat(holder=HOLDER, slots={"echo": slots}, send=list[object]().append,
                close=lambda: None, heard_at=0.0, resident=resident, pool=pool)  # fmt: skip


def test_a_dispatch_goes_where_the_version_is_loaded_and_of_equals_where_most_room_is() -> None:
    small, large = seat(slots=2), seat(slots=3)
    warm = seat(slots=1, resident=[ECHO.id])
    elsewhere = seat(slots=99, resident=[ECHO.id], pool="other")

    assert best([small, large, elsewhere], ECHO) is large
    assert best([small, large, warm], ECHO) is warm
    assert best([elsewhere], ECHO) is None
    small.held["p", 1] = Held("echo", ECHO.id, 0)
    assert best([large, small], ECHO) is small  # it is being loaded there


class Lines:
    """What waits, without a database: satisfies what Claims asks of the store and the catalogue."""

    def __init__(self, versions: int) -> None:
        self.versions = {f"{number:064}": number for number in range(versions)}
        self.asked: list[Asking] = []

    def version(self, id_: str) -> tuple[None, Version]:
        return None, replace(ECHO, id=id_)

    async def claim(self, asking: Asking) -> Sequence[Claimed]:
        self.asked.append(asking)
        found = [id_ for id_ in asking.bonuses if id_ in self.versions][: asking.most]
        for id_ in found:
            del self.versions[id_]
        return [Claimed(prediction=self._of(id_), priority=0, fair_key=0.0, own=True)
                for id_ in found]  # fmt: skip

    def _of(self, id_: str) -> Prediction:
        return replace(RUNNING, version=id_)


def claims(lines: Lines, seats: Sequence[Seat], given: list[str]) -> Claims:
    def give(asker: Seat, one: Prediction) -> None:
        given.append(one.version)
        asker.take((one.version, 1), replace(ECHO, id=one.version))

    return Claims(store=cast("PredictionStore", lines), catalogue=cast("Catalogue", lines),
                  fairness=Fairness(), seats=seats, others=NOBODY, give=give)  # fmt: skip


async def test_however_many_versions_wait_each_has_its_turn() -> None:
    lines, given = Lines(90), list[str]()
    every = list(lines.versions)
    loaded = every[:40]
    one = seat(slots=99, resident=loaded)
    queue = claims(lines, [one], given)
    for id_ in every:
        queue.wake(replace(ECHO, id=VersionId(id_)))
    while queue.waits_at(one, ECHO):  # noqa: ASYNC110  # nothing is signaled at that moment
        await asyncio.sleep(0)

    assert sorted(given) == every
    assert max(len(asked.bonuses) for asked in lines.asked) == MOST_VERSIONS
    cold = [any(id_ not in loaded for id_ in asked.bonuses) for asked in lines.asked]
    assert all(cold)
