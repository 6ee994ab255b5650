"""Slots, losses and order: what the dispatcher promises when workers and the store misbehave."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.hands import HandWorker, failed, succeeded
from tests.support.rig import Rig

from darkroom.domain.errors import PeerMisbehaved, StoreBusy
from darkroom.domain.events import EventKind, Report
from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.prediction import JsonText, Prediction, Shape, Status
from darkroom.ports.predictions import Acceptance, Asking, Claimed, Holder
from darkroom.protocol.messages import Beat, Drain, Ended, FileFact, Gave, Said
from darkroom.store.predictions import PredictionTables

ONE_SLOT = {"echo": 1}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


def ended(outcome: str, error: str | None = None, metrics: str = "{}") -> Ended:
    return Ended(outcome, error, metrics, 0.1)


async def test_many_creates_at_once_take_no_more_than_the_slots_there_are(rig: Rig) -> None:
    rig.worker.join(ONE_SLOT)
    await asyncio.gather(*(rig.create() for _ in range(10)))
    await rig.settled()

    assert len(rig.worker.jobs) == 1


async def test_waiting_predictions_go_out_one_by_one_as_slots_come_back(rig: Rig) -> None:
    made = [(await rig.create())["id"] for _ in range(5)]
    rig.worker.join({"echo": 2})
    for number in range(5):
        job = await rig.worker.job(number)
        assert sum(one.id == job.id for one in rig.worker.jobs) == 1
        await rig.worker.succeed(job)

    assert [job.id for job in rig.worker.jobs] == made


async def test_a_worker_that_leaves_during_the_commit_strands_nothing(rig: Rig) -> None:
    rig.worker.join()
    creating = asyncio.create_task(rig.create())
    await rig.worker.taken()
    rig.worker.leave()
    shown = await creating
    second = HandWorker(rig.dispatcher, rig.blobs)
    second.join(name="second")
    job = await second.job()

    assert (job.id, job.attempt) == (shown["id"], 2)


async def test_the_worker_that_has_the_version_loaded_is_preferred(rig: Rig) -> None:
    rig.worker.join(name="cold")
    warm = HandWorker(rig.dispatcher, rig.blobs)
    warm.join(name="warm")
    version = str((await rig.create())["version"])
    assert warm.seat is not None
    rig.dispatcher.beat(warm.seat, Beat([], [version]))
    await rig.create()

    assert (len(rig.worker.jobs), len(warm.jobs)) == (1, 1)


class Busy(PredictionTables):
    """Refuses the next reports, as a full disk would."""

    refusals = 0

    def report(self, report: Report) -> Awaitable[Prediction | None]:
        if self.refusals:
            self.refusals -= 1
            refused: asyncio.Future[Prediction | None] = asyncio.get_running_loop().create_future()
            refused.set_exception(StoreBusy("disk full"))
            return refused
        return super().report(report)


async def test_reports_keep_their_order_when_the_store_is_busy(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, store_class=Busy) as rig:
        assert isinstance(rig.store, Busy)
        rig.worker.join()
        shown = await rig.create()
        job = await rig.worker.job()
        rig.store.refusals = 1
        rig.worker.tell(job, await rig.worker.give_picture(job))
        rig.worker.tell(job, ended=succeeded())
        await rig.dispatcher.settled()
        done = await rig.get(shown["id"])

    assert done["status"] == "succeeded"
    assert done["output"] is not None


async def test_a_server_stops_although_the_database_takes_no_writes(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, store_class=Busy) as rig:
        assert isinstance(rig.store, Busy)
        rig.worker.join()
        shown = await rig.create()
        job = await rig.worker.job()
        rig.store.refusals = 99
        rig.worker.tell(job, ended=succeeded())
        rig.worker.leave()
        async with asyncio.timeout(5):
            await rig.dispatcher.drain(0, write_seconds=0.01)
        unended = await rig.get(shown["id"])
        rig.store.refusals = 0
        await rig.settled()
        ended = await rig.get(shown["id"])

    assert (unended["status"], ended["status"]) == ("starting", "succeeded")


async def test_what_a_crashed_attempt_told_last_is_kept(rig: Rig) -> None:
    rig.worker.join(ONE_SLOT)
    shown = await rig.create()
    job = await rig.worker.job()
    picture = await rig.worker.give_picture(job)
    rig.worker.tell(job, Said("almost\n"), picture, ended=ended("crashed", "signal 9."))
    again = await rig.worker.job(1)
    now = await rig.get(shown["id"])

    assert again.attempt == 2
    assert now["output"] is not None
    assert str(now["logs"]) == (
        "almost\nAttempt 1 was lost: signal 9. The prediction runs again.\n"
    )


@pytest.mark.parametrize(
    "message",
    [
        ended("succeeded", metrics='{"cached": "yes"}'),
        ended("finished"),
        ended("succeeded", metrics="nonsense"),
    ],
)
async def test_nonsense_from_a_worker_puts_it_out_and_its_run_back(
    rig: Rig, message: Ended
) -> None:
    rig.worker.join()
    await rig.create()
    with pytest.raises(PeerMisbehaved):
        rig.worker.tell(await rig.worker.job(), ended=message)
    rig.worker.leave()
    rig.worker.join(name="second")

    assert (await rig.worker.job(1)).attempt == 2


async def test_a_worker_cannot_claim_another_predictions_file(rig: Rig) -> None:
    rig.worker.join()
    await rig.create()
    job = await rig.worker.job()
    fact = FileFact(
        key="predictions/other/1/0", name="x", content_type="y", size_bytes=1, sha256="z"
    )
    with pytest.raises(PeerMisbehaved, match="not its own"):
        rig.worker.tell(job, Gave(0, fact))


@pytest.mark.fault(11)
async def test_a_job_that_never_arrived_is_sent_again(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    assert rig.worker.seat is not None
    for _ in range(2):
        rig.dispatcher.beat(rig.worker.seat, Beat([], []))
    assert len(rig.worker.jobs) == 1
    rig.dispatcher.beat(rig.worker.seat, Beat([], []))
    again = await rig.worker.job(1)

    assert (again.id, again.attempt) == (shown["id"], 2)
    assert [(stop.id, stop.attempt) for stop in rig.worker.stops] == [(shown["id"], 1)]


async def test_a_job_that_a_worker_lists_stays_its_own(rig: Rig) -> None:
    rig.worker.join()
    await rig.create()
    job = await rig.worker.job()
    assert rig.worker.seat is not None
    for _ in range(9):
        rig.dispatcher.beat(rig.worker.seat, Beat([(job.id, job.attempt)], []))
    await rig.settled()

    assert len(rig.worker.jobs) == 1


async def test_a_silent_worker_is_given_up_and_named(rig: Rig) -> None:
    rig.worker.join()
    await rig.create()
    assert rig.watch(9) == []

    assert rig.watch(2) == ["hand"]
    assert rig.worker.closed
    rig.worker.join(name="second")
    assert (await rig.worker.job(1)).attempt == 2


async def test_a_draining_worker_gets_nothing_more_and_loses_nothing(rig: Rig) -> None:
    rig.worker.join()
    await rig.create()
    job = await rig.worker.job()
    draining = asyncio.create_task(rig.dispatcher.drain(30))
    await rig.create()
    rig.worker.tell(job, ended=ended("released", "its worker was stopped."))
    rig.worker.leave()
    await draining

    assert any(isinstance(message, Drain) for message in rig.worker.sent)
    assert [one["status"] for one in await rig.listed()] == ["starting", "processing"]


async def test_a_new_server_takes_up_what_the_old_one_left(rig: Rig) -> None:
    rig.worker.join()
    held, waiting = await rig.create(), await rig.create(version="darkroom/echo-text",
                                                         input={"prompt": "x"})  # fmt: skip
    again = rig.another_dispatcher()
    await again.recover()
    worker = HandWorker(again, rig.blobs)
    worker.join()
    jobs = [await worker.job(0), await worker.job(1)]

    assert {(job.id, job.attempt) for job in jobs} == {(held["id"], 2), (waiting["id"], 2)}


async def test_a_version_that_is_gone_fails_and_can_still_be_looked_at(rig: Rig) -> None:
    id_ = PredictionId("06gzkajyg9tskfgcd93sv538vc")
    gone = Acceptance(
        id=id_,
        owner=Owner("admin"),
        model="acme/gone",
        version=VersionId("0" * 64),
        shape=Shape.ONE,
        input=JsonText("{}"),
        holder=Holder(worker=WorkerId("old"), incarnation=1),
    )
    await rig.store.accept(gone)
    await rig.dispatcher.recover()
    await rig.dispatcher.settled()
    shown = await rig.get(id_)

    assert shown["status"] == "failed"
    assert "no longer served" in str(shown["error"])
    assert len(await rig.listed()) == 1


@pytest.mark.conformance(36)
async def test_a_passed_deadline_is_shown_as_canceled_and_stops_the_run(rig: Rig) -> None:
    rig.worker.join(ONE_SLOT)
    running = await rig.create_with({"Cancel-After": "5"})
    waiting = await rig.create_with({"Cancel-After": "5"})
    rig.worker.tell(await rig.worker.job())
    await rig.settled()
    await rig.pass_deadlines()
    await rig.dispatcher.expire()

    for shown in (running, waiting):
        now = await rig.get(shown["id"])
        assert now["status"] == "canceled"
        last = (await rig.store.events(PredictionId(str(shown["id"])), 0))[-1]
        assert (last.kind, last.data) == (EventKind.DONE, '{"reason":"canceled"}')
    assert [stop.id for stop in rig.worker.stops] == [running["id"]]
    found = await rig.store.get(PredictionId(str(waiting["id"])))
    assert found is not None
    assert found.status is Status.ABORTED


@pytest.mark.fault(20)
async def test_an_accept_that_fails_gives_its_slot_back(tmp_path: Path) -> None:
    class Full(PredictionTables):
        full = False

        def accept(self, new: Acceptance) -> Awaitable[Prediction]:
            if not self.full:
                return super().accept(new)
            loop = asyncio.get_running_loop()
            refused: asyncio.Future[Prediction] = loop.create_future()
            loop.call_soon(refused.set_exception, StoreBusy("disk full"))
            return refused

    async with rigs.rig(tmp_path, store_class=Full) as rig:
        assert isinstance(rig.store, Full)
        rig.worker.join(ONE_SLOT)
        rig.store.full = True
        body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
        refused = await rig.client.post("/v1/predictions", json=body)
        waited = await rig.client.post("/v1/predictions", json=body, headers={"Prefer": "wait=5"})
        rig.worker.tell(await rig.worker.job(), ended=failed("stopped"))
        rig.store.full = False
        shown = await rig.create()

    assert (refused.status_code, waited.status_code) == (503, 503)
    assert "disk full" in refused.json()["detail"]
    assert rig.worker.jobs[-1].id == shown["id"]
    assert rig.worker.stops


async def test_a_claim_that_goes_wrong_stops_no_other(tmp_path: Path) -> None:
    class Faulty(PredictionTables):
        faults = 0

        def claim(self, asking: Asking) -> Awaitable[Sequence[Claimed]]:
            if asking.holder.worker == "odd":
                self.faults += 1
                raise OverflowError("no database holds that number")
            return super().claim(asking)

    async with rigs.rig(tmp_path, store_class=Faulty) as rig:
        shown = await rig.create()
        odd = HandWorker(rig.dispatcher, rig.blobs)
        odd.join(name="odd")
        rig.worker.join()
        job = await rig.worker.job()
        assert isinstance(rig.store, Faulty)
        assert rig.store.faults

    assert job.id == shown["id"]
