"""Remote workers outlive their connections: what they hold goes on, wherever they return."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.service.test_dispatch import Busy
from tests.support import rig as rigs
from tests.support.hands import HandWorker, succeeded, watch
from tests.support.rig import Rig

from darkroom.domain.errors import PeerMisbehaved
from darkroom.domain.ids import PredictionId
from darkroom.protocol.messages import Beat, Ended, Job, Key, Said
from darkroom.service.dispatch import Dispatcher

SILENCE = 10
"""Seconds, as the rig has it."""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


def key(job: Job) -> Key:
    return (job.id, job.attempt)


async def begun(rig: Rig) -> Job:
    """A job of a remote worker that has started; its line still stands."""
    await rig.worker.rejoin()
    await rig.create()
    job = await rig.worker.job()
    rig.worker.tell(job, Said("begun\n"), number=1)
    await rig.settled()
    return job


def come(rig: Rig, to: Dispatcher | None = None) -> HandWorker:
    """Another line of a worker, or another worker."""
    return HandWorker(to or rig.dispatcher, rig.blobs)


async def losses(rig: Rig, id_: str) -> tuple[str, int]:
    """The log of a prediction and its attempts so far."""
    await rig.settled()
    found = await rig.store.get(PredictionId(id_))
    assert found is not None
    return found.logs, found.attempt


async def test_a_worker_whose_line_broke_comes_back_and_goes_on(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    rig.watch(SILENCE - 1)
    back = come(rig)

    assert await back.rejoin([key(job)]) == [key(job)]
    back.tell(job, await back.give_picture(job), ended=succeeded(), number=2)
    assert await losses(rig, job.id) == ("begun\n", 1)
    assert (await rig.get(job.id))["status"] == "succeeded"


@pytest.mark.fault(7)
async def test_a_worker_that_stays_away_is_given_up_and_that_counts(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    rig.watch(SILENCE + 1)
    logs, _ = await losses(rig, job.id)
    back = come(rig)

    assert await back.rejoin([key(job)]) == []
    assert "Attempt 1 was lost: its worker did not come back." in logs
    assert (await back.job()).attempt == 2


@pytest.mark.fault(8, 21)
async def test_time_in_which_the_server_slept_counts_for_nobody(rig: Rig) -> None:
    job = await begun(rig)
    rig.clock.forward(3600)
    rig.dispatcher.reap()
    rig.worker.leave()
    rig.clock.forward(3600)
    rig.dispatcher.reap()

    assert await come(rig).rejoin([key(job)]) == [key(job)]


@pytest.mark.fault(4)
async def test_a_server_started_anew_waits_for_workers_that_outlived_it(rig: Rig) -> None:
    job = await begun(rig)
    again = rig.another_dispatcher()
    await again.recover()
    watch(again, rig.clock, SILENCE - 1)
    back = come(rig, again)

    assert await back.rejoin([key(job)]) == [key(job)]
    back.tell(job, await back.give_picture(job), ended=succeeded(), number=2)
    await again.settled()
    assert await losses(rig, job.id) == ("begun\n", 1)
    assert (await rig.get(job.id))["status"] == "succeeded"


async def test_a_server_started_anew_gives_up_who_does_not_come(rig: Rig) -> None:
    await begun(rig)
    again = rig.another_dispatcher()
    await again.recover()
    watch(again, rig.clock, SILENCE + 1)
    other = come(rig, again)
    await other.rejoin(name="other")

    assert (await other.job()).attempt == 2


@pytest.mark.fault(11)
async def test_a_job_that_got_lost_on_a_dying_line_runs_again_uncounted(rig: Rig) -> None:
    job = await begun(rig)
    await rig.create()
    lost = await rig.worker.job(1)
    rig.worker.leave()
    back = come(rig)
    kept = await back.rejoin([key(job)])
    again = await back.job()

    assert kept == [key(job)]
    assert (again.id, again.attempt) == (lost.id, 2)
    assert "it never reached its worker" in (await losses(rig, lost.id))[0]


@pytest.mark.fault(11)
async def test_a_line_that_dies_during_the_commit_strands_nothing(rig: Rig) -> None:
    await rig.worker.rejoin()
    creating = asyncio.create_task(rig.create())
    await rig.worker.taken()
    rig.worker.leave()
    back = come(rig)
    await back.rejoin()
    shown = await creating
    job = await back.job()

    assert (job.id, job.attempt) == (shown["id"], 2)


@pytest.mark.parametrize("held", [("06gzkajyg9tskfgcd93sv538vc", 1), None])
async def test_what_is_not_its_own_is_not_kept(rig: Rig, held: Key | None) -> None:
    """Neither a prediction that is not there, nor the attempt of another worker."""
    job = await begun(rig)
    other = come(rig)

    assert await other.rejoin([held or key(job)], name="other") == []
    rig.worker.tell(job, ended=succeeded(), number=2)
    assert (await losses(rig, job.id))[1] == 1


async def test_a_worker_started_anew_loses_what_its_last_life_held_at_once(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    anew = come(rig)

    assert await anew.rejoin([key(job)], incarnation=2) == []
    assert (await anew.job()).attempt == 2
    assert "its worker was started anew" in (await losses(rig, job.id))[0]


async def test_after_a_restart_of_the_server_an_earlier_life_is_over_too(rig: Rig) -> None:
    await begun(rig)
    again = rig.another_dispatcher()
    anew = come(rig, again)
    await anew.rejoin(incarnation=2)

    assert (await anew.job()).attempt == 2


async def test_a_second_worker_of_the_same_name_is_refused_while_the_first_lives(rig: Rig) -> None:
    job = await begun(rig)
    for incarnation in (2, 0):
        with pytest.raises(PeerMisbehaved, match="a --name of its own"):
            await come(rig).rejoin(incarnation=incarnation)
    rig.worker.tell(job, ended=succeeded(), number=2)

    assert (await losses(rig, job.id))[1] == 1
    assert not rig.worker.closed


async def test_a_name_is_free_again_once_its_worker_is_silent(rig: Rig) -> None:
    job = await begun(rig)
    rig.watch(SILENCE // 2)
    anew = come(rig)
    await anew.rejoin(incarnation=2)

    assert rig.worker.closed
    assert (await anew.job()).id == job.id


async def test_a_quiet_worker_gets_nothing_until_it_is_heard_again(rig: Rig) -> None:
    await rig.worker.rejoin()
    rig.watch(SILENCE // 2)
    shown = await rig.create()
    await rig.settled()
    before = len(rig.worker.jobs)
    assert rig.worker.seat is not None
    rig.dispatcher.beat(rig.worker.seat, Beat([], []))
    job = await rig.worker.job()

    assert (before, job.id) == (0, shown["id"])


async def test_an_earlier_life_is_refused_while_the_later_one_may_come_back(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    with pytest.raises(PeerMisbehaved, match="a --name of its own"):
        await come(rig).rejoin(incarnation=0)

    assert await come(rig).rejoin([key(job)]) == [key(job)]


async def test_a_name_of_a_local_worker_is_taken(rig: Rig) -> None:
    rig.worker.join()
    with pytest.raises(PeerMisbehaved, match="a --name of its own"):
        await come(rig).rejoin(incarnation=2)


async def test_a_line_that_only_seems_to_stand_is_replaced_by_its_workers_next(rig: Rig) -> None:
    job = await begun(rig)
    back = come(rig)

    assert await back.rejoin([key(job)]) == [key(job)]
    assert rig.worker.closed
    assert [seat.holder.worker for seat in rig.dispatcher.seats] == ["hand"]
    rig.worker.leave()
    back.tell(job, ended=succeeded(), number=2)
    assert (await losses(rig, job.id))[1] == 1


async def test_what_was_canceled_meanwhile_is_stopped_after_the_welcome(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    await rig.client.post(f"/v1/predictions/{job.id}/cancel")
    back = come(rig)
    kept = await back.rejoin([key(job)])
    before = list(back.stops)
    await asyncio.sleep(0)

    assert (kept, before, [one.id for one in back.stops]) == ([key(job)], [], [job.id])


async def test_what_is_told_is_noted_once_it_is_written(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, store_class=Busy) as rig:
        assert isinstance(rig.store, Busy)
        job = await begun(rig)
        rig.store.refusals = 1
        rig.worker.tell(job, Said("more\n"), number=2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not rig.store.refusals
        before = list(rig.worker.noted)
        await rig.settled()

    assert before == [(*key(job), 1)]
    assert rig.worker.noted == [(*key(job), 1), (*key(job), 2)]


@pytest.mark.fault(12)
async def test_what_is_told_twice_changes_nothing_and_is_noted_again(rig: Rig) -> None:
    job = await begun(rig)
    picture = await rig.worker.give_picture(job)
    for _ in range(2):
        rig.worker.tell(job, Said("more\n"), number=2)
        await rig.settled()
    rig.worker.leave()
    back = come(rig)
    await back.rejoin([key(job)])
    back.tell(job, Said("more\n"), number=2)
    back.tell(job, picture, ended=succeeded(), number=3)
    back.tell(job, picture, ended=succeeded(), number=3)

    assert await losses(rig, job.id) == ("begun\nmore\n", 1)
    assert [number for *_, number in back.noted] == [3, 2, 3]
    assert not rig.worker.stops
    assert not back.stops


@pytest.mark.fault(13)
async def test_a_superseded_attempt_is_noted_so_that_it_is_not_told_for_ever(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    rig.watch(SILENCE + 1)
    back = come(rig)
    await back.rejoin([key(job)])
    back.tell(job, ended=succeeded(), number=2)

    assert back.noted == [(*key(job), 2)]
    assert (await rig.get(job.id))["status"] == "processing"


@pytest.mark.fault(25)
async def test_a_stopping_server_lets_short_runs_end_and_long_ones_go_on_elsewhere(
    rig: Rig,
) -> None:
    job = await begun(rig)
    await rig.create()
    long = await rig.worker.job(1)
    other = come(rig)
    await other.rejoin(name="idle")
    draining = asyncio.create_task(rig.dispatcher.drain(0.05))
    await asyncio.sleep(0)
    idle_closed = other.closed
    rig.worker.tell(job, ended=succeeded(), number=2)
    with pytest.raises(PeerMisbehaved, match="stopping"):
        await come(rig).rejoin(name="late")
    await draining
    again = rig.another_dispatcher()
    await again.recover()
    back = come(rig, again)

    assert idle_closed
    assert (*key(job), 2) in rig.worker.noted
    assert rig.worker.closed
    assert await back.rejoin([key(long)]) == [key(long)]


async def test_a_server_that_stops_lets_go_of_a_worker_with_its_last_run(rig: Rig) -> None:
    job = await begun(rig)
    draining = asyncio.create_task(rig.dispatcher.drain(3600))
    await asyncio.sleep(0)
    rig.worker.tell(job, ended=succeeded(), number=2)
    await draining

    assert rig.worker.closed
    assert (await rig.get(job.id))["status"] == "succeeded"


async def test_a_worker_that_was_stopping_when_its_line_broke_is_not_counted(rig: Rig) -> None:
    job = await begun(rig)
    assert rig.worker.seat is not None
    rig.dispatcher.draining(rig.worker.seat)
    rig.worker.leave()
    rig.watch(SILENCE + 1)

    assert "Attempt 1 was handed back: its worker was stopped" in (await losses(rig, job.id))[0]


async def test_a_worker_known_to_be_dead_is_not_waited_for(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    rig.dispatcher.ended("hand")

    assert "its worker went away" in (await losses(rig, job.id))[0]


async def test_beats_find_what_a_worker_that_came_back_lost(rig: Rig) -> None:
    job = await begun(rig)
    rig.worker.leave()
    back = come(rig)
    await back.rejoin([key(job)])
    assert back.seat is not None
    for _ in range(3):
        rig.dispatcher.beat(back.seat, Beat([], []))

    assert (await back.job()).attempt == 2


async def test_a_crash_told_twice_counts_once(rig: Rig) -> None:
    job = await begun(rig)
    crashed = Ended("crashed", "signal 9.", "{}", 0.1)
    rig.worker.tell(job, Said("last\n"), ended=crashed, number=2)
    await rig.settled()
    rig.worker.leave()
    back = come(rig)

    assert await back.rejoin([key(job)]) == []
    back.tell(job, Said("last\n"), ended=crashed, number=2)
    logs, _ = await losses(rig, job.id)
    assert (logs.count("last\n"), logs.count("Attempt 1 was lost")) == (1, 1)


async def test_only_a_worker_that_ended_in_good_order_is_not_missed(rig: Rig) -> None:
    for name in ("good", "gone"):
        other = come(rig)
        await other.rejoin(name=name)
        assert other.seat is not None
        if name == "good":
            rig.dispatcher.draining(other.seat)
        other.leave()
    with capture_logs() as logs:
        rig.watch(SILENCE + 1)

    assert [one["worker"] for one in logs if one["event"] == "worker.missing"] == ["gone"]
