"""Who looks at a run is told its worker, and sees its newest picture, at most two a second."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.hands import HandWorker, failed, succeeded
from tests.support.rig import Rig

from darkroom.domain.ids import PredictionId, VersionId
from darkroom.http.workers import heed
from darkroom.protocol.messages import Hello, Job, Preview, Watch
from darkroom.service.catalogue import load_catalogue
from darkroom.service.previews import EVERY_SECONDS, Look

LONG = 3600.0


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


def watches(worker: HandWorker) -> list[tuple[int, bool]]:
    """For each word about lookers: of which attempt, and whether there are any."""
    return [(one.attempt, one.wanted) for one in worker.sent if isinstance(one, Watch)]


def show(worker: HandWorker, job: Job, shade: int = 0, *, attempt: int | None = None) -> None:
    """Send a picture of one pixel."""
    data = bytes([shade] * 3)
    heed(worker.dispatcher, worker.seat, Preview(job.id, attempt or job.attempt, 1, 1, data))


async def shade(look: Look, idle_seconds: float = LONG) -> int | None:
    picture = await look.picture(idle_seconds)
    return None if picture is None else picture.data[0]


async def running(rig: Rig) -> tuple[PredictionId, Job]:
    rig.worker.join()
    made = await rig.create()
    job = await rig.worker.job()
    rig.worker.tell(job)
    await rig.settled()
    return PredictionId(str(made["id"])), job


async def test_a_worker_hears_of_the_first_looker_and_of_the_last(rig: Rig) -> None:
    id_, _ = await running(rig)
    assert watches(rig.worker) == []
    async with rig.predictions.looking(id_):
        async with rig.predictions.looking(id_):
            assert watches(rig.worker) == [(1, True)]
        assert watches(rig.worker) == [(1, True)]

    assert watches(rig.worker) == [(1, True), (1, False)]


async def test_a_run_that_starts_after_its_looker_is_watched_from_the_start(rig: Rig) -> None:
    made = await rig.create()
    async with rig.predictions.looking(PredictionId(str(made["id"]))) as look:
        rig.worker.join()
        job = await rig.worker.job()
        kinds = [type(one).__name__ for one in rig.worker.sent]
        show(rig.worker, job, 7)

        assert kinds == ["Know", "Job", "Watch"]
        assert await shade(look) == 7


async def test_the_next_attempt_is_watched_and_the_one_before_it_no_longer_shown(rig: Rig) -> None:
    id_, job = await running(rig)
    async with rig.predictions.looking(id_) as look:
        rig.worker.leave()
        await rig.settled()
        second = HandWorker(rig.dispatcher, rig.blobs)
        second.join(name="second")
        again = await second.job()
        assert rig.worker.seat is not None
        rig.worker.seat.hold((id_, 1), "echo", VersionId(again.version))  # it has not noticed yet
        show(second, again, 2)
        show(rig.worker, job, 1)

        assert watches(second) == [(2, True)]
        assert await shade(look) == 2


async def test_a_worker_that_comes_back_is_told_again_who_looks(rig: Rig) -> None:
    await rig.worker.rejoin()
    made = await rig.create()
    job = await rig.worker.job()
    rig.worker.tell(job, number=1)
    await rig.settled()
    async with rig.predictions.looking(PredictionId(str(made["id"]))) as look:
        rig.worker.leave()
        back = HandWorker(rig.dispatcher, rig.blobs)
        assert await back.rejoin([(job.id, 1)]) == [(job.id, 1)]
        await asyncio.sleep(0)
        show(back, job, 5)

        assert watches(back) == [(1, True)]
        assert await shade(look) == 5


async def test_a_worker_of_an_older_protocol_hears_nothing_of_lookers(rig: Rig) -> None:
    sent: list[object] = []
    rig.dispatcher.join(Hello(2, "old", 1, "", {"echo": 4}), sent.append, lambda: None)
    made = await rig.create()
    async with rig.predictions.looking(PredictionId(str(made["id"]))):
        pass

    assert [type(one).__name__ for one in sent] == ["Know", "Job"]


async def test_a_slow_looker_sees_the_newest_picture_alone(rig: Rig) -> None:
    id_, job = await running(rig)
    async with rig.predictions.looking(id_) as look:
        for number in range(200):
            show(rig.worker, job, number)

        assert await shade(look) == 199
        assert await shade(look, 0) is None


async def test_a_flood_is_shown_twice_a_second(rig: Rig) -> None:
    id_, job = await running(rig)
    loop = asyncio.get_running_loop()
    async with rig.predictions.looking(id_) as look:
        show(rig.worker, job, 1)
        assert await shade(look) == 1
        began = loop.time()
        show(rig.worker, job, 2)
        show(rig.worker, job, 3)

        assert await shade(look) == 3
        assert loop.time() - began > EVERY_SECONDS * 0.9


async def test_a_second_looker_sees_the_last_picture_at_once_and_later_ones_none(rig: Rig) -> None:
    id_, job = await running(rig)
    async with rig.predictions.looking(id_):
        show(rig.worker, job, 9)
        async with rig.predictions.looking(id_) as second:
            assert await shade(second) == 9
    async with rig.predictions.looking(id_) as late:
        assert await shade(late, 0) is None


@pytest.mark.parametrize(
    ("width", "height", "size"), [(97, 1, 291), (1, 97, 291), (0, 0, 0), (-1, -1, 3), (2, 2, 11)]
)
async def test_a_picture_that_makes_no_sense_is_dropped(
    rig: Rig, width: int, height: int, size: int
) -> None:
    id_, job = await running(rig)
    async with rig.predictions.looking(id_) as look:
        heed(rig.dispatcher, rig.worker.seat, Preview(job.id, 1, width, height, bytes(size)))

        assert await shade(look, 0) is None


async def test_pictures_of_what_a_worker_does_not_run_are_dropped(rig: Rig) -> None:
    id_, job = await running(rig)
    other = HandWorker(rig.dispatcher, rig.blobs)
    other.join(name="other")
    async with rig.predictions.looking(id_) as look:
        show(other, job, 1)
        show(rig.worker, job, 2, attempt=2)

        assert await shade(look, 0) is None


async def test_no_worker_shows_what_the_operator_will_not_have_shown(tmp_path: Path) -> None:
    catalogue = load_catalogue({})
    model, version = catalogue.resolve("darkroom/echo")
    catalogue.put(replace(model, versions=[replace(version, config={"previews": "off"})]))
    async with rigs.rig(tmp_path, catalogue=catalogue) as rig:
        id_, job = await running(rig)
        async with rig.predictions.looking(id_) as look:
            show(rig.worker, job, 1)  # all the same, as one that was never told of it

            assert watches(rig.worker) == []
            assert await shade(look, 0) is None


async def test_a_look_is_over_with_its_prediction(rig: Rig) -> None:
    id_, job = await running(rig)
    async with rig.predictions.looking(id_) as look:
        show(rig.worker, job, 1)
        assert await shade(look) == 1
        waiting = asyncio.create_task(shade(look))
        await asyncio.sleep(0)
        show(rig.worker, job, 2)
        rig.worker.tell(job, ended=failed("no luck"))

        assert await waiting is None
        assert look.over


async def test_a_look_at_what_has_ended_is_over_at_once(rig: Rig) -> None:
    id_, job = await running(rig)
    rig.worker.tell(job, ended=succeeded())
    await rig.settled()
    async with rig.predictions.looking(id_) as look:
        assert look.over
