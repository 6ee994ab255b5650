"""Workers that move between two servers on one PostgreSQL take along what they run."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.service.test_watch import Clock
from tests.store.acceptances import acceptance
from tests.store.places import Loop, PostgresPlace, postgres_place
from tests.support.hands import HandClock, HandWorker, succeeded, watch

from darkroom.blobs.local import LocalBlobs
from darkroom.domain.ids import PredictionId, ServerId
from darkroom.domain.prediction import Prediction, Status
from darkroom.protocol.messages import Job, Key, Said
from darkroom.service.catalogue import load_catalogue
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.twins import Twins
from darkroom.service.watch import BEAT_SECONDS, Watch
from darkroom.store.predictions import PredictionTables
from darkroom.store.servers import ServerTables

ECHO = load_catalogue({}).resolve("darkroom/echo")[1]
P1 = PredictionId("p1")
SILENCE = 10


@dataclass
class Server:
    """One of several on a database, without its doors."""

    store: PredictionTables
    dispatcher: Dispatcher
    worker: HandWorker
    clock: HandClock
    twins: Twins
    watch_clock: Clock

    async def accept(self) -> None:
        await self.store.accept(replace(acceptance(P1), version=ECHO.id))
        self.dispatcher.wake(ECHO)

    async def found(self) -> Prediction:
        await self.dispatcher.settled()
        found = await self.store.get(P1)
        assert found is not None
        return found

    def pass_seconds(self, seconds: int) -> None:
        watch(self.dispatcher, self.clock, seconds)

    async def watch_others(self, seconds: float) -> None:
        """Look at the other servers' beats for that long."""
        for _ in range(int(seconds / BEAT_SECONDS)):
            self.watch_clock.now += BEAT_SECONDS
            await self.twins.once()


@pytest.fixture
def place(postgres_url: str) -> Iterator[PostgresPlace]:
    with closing(Loop()) as loop, postgres_place(loop, postgres_url) as made:
        yield made


@asynccontextmanager
async def server(place: PostgresPlace, name: str, folder: Path) -> AsyncGenerator[Server]:
    async with place.opened(ServerId(name)) as database:
        store, hub, clock, catalogue = (
            PredictionTables(database), Hub(), HandClock(), load_catalogue({})
        )  # fmt: skip
        dispatcher = Dispatcher(store=store, attempts=store, catalogue=catalogue, hub=hub,
                                clock=clock, silence_seconds=SILENCE)  # fmt: skip
        watch_clock = Clock()
        watching = Watch(me=ServerId(name), servers=ServerTables(database), clock=watch_clock,
                         silence_seconds=SILENCE)  # fmt: skip
        twins = Twins(store=store, attempts=store, catalogue=catalogue, hub=hub,
                      dispatcher=dispatcher, watch=watching, minded=list,
                      keys=nothing, models=nothing, deliveries=lambda: None)  # fmt: skip
        await twins.once()
        worker = HandWorker(dispatcher, LocalBlobs(folder / "files"))
        yield Server(store, dispatcher, worker, clock, twins, watch_clock)
        await dispatcher.settled()


async def nothing() -> None:
    """There are no keys and no models."""


async def begun(at: Server) -> tuple[Job, Key]:
    """A job of a remote worker that has started."""
    await at.worker.rejoin()
    await at.accept()
    job = await at.worker.job()
    at.worker.tell(job, Said("begun\n"), number=1)
    await at.dispatcher.settled()
    return job, (job.id, job.attempt)


async def test_a_run_moves_with_its_worker_and_the_server_it_left_does_not_end_it(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with server(place, "one", tmp_path) as one, server(place, "two", tmp_path) as two:
        job, key = await begun(one)
        one.worker.leave()
        kept = await two.worker.rejoin([key])
        one.pass_seconds(SILENCE + 1)
        await one.dispatcher.settled()
        two.worker.tell(job, Said("begun\n"), number=1)
        two.worker.tell(job, await two.worker.give_picture(job), ended=succeeded(), number=2)
        found = await two.found()

    assert kept == [key]
    assert (found.status, found.attempt, found.logs) == (Status.SUCCEEDED, 1, "begun\n")


async def test_a_server_that_takes_its_worker_for_connected_ends_nothing_either(
    place: PostgresPlace, tmp_path: Path
) -> None:
    """The line was cut without a word: both servers have a seat for the same worker."""
    async with server(place, "one", tmp_path) as one, server(place, "two", tmp_path) as two:
        job, key = await begun(one)
        await two.worker.rejoin([key])
        one.pass_seconds(2 * SILENCE)
        await one.dispatcher.settled()
        two.worker.tell(job, await two.worker.give_picture(job), ended=succeeded(), number=2)
        found = await two.found()

    assert one.worker.closed
    assert (found.status, found.attempt) == (Status.SUCCEEDED, 1)


@pytest.mark.fault(11)
async def test_a_line_that_its_worker_has_left_gets_nothing_more_after_the_next_sweep(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with server(place, "one", tmp_path) as one, server(place, "two", tmp_path) as two:
        await one.worker.rejoin()
        await two.worker.rejoin()
        await one.accept()
        await one.worker.job()
        await two.twins.sweep()
        await one.twins.sweep()
        await one.dispatcher.settled()
        await two.twins.sweep()
        job = await two.worker.job()
        seats = [len(at.dispatcher.seats) for at in (one, two)]

    assert one.worker.closed
    assert (job.attempt, seats) == (2, [0, 1])


async def test_a_worker_that_has_come_back_keeps_its_line(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with server(place, "one", tmp_path) as one, server(place, "two", tmp_path) as two:
        for at in (one, two, one):
            await at.worker.rejoin()
        await two.twins.sweep()
        await one.twins.sweep()

    assert (one.worker.closed, two.worker.closed) == (True, True)  # its first line, and the other
    assert [len(at.dispatcher.seats) for at in (one, two)] == [1, 0]


@pytest.mark.fault(11)
async def test_what_went_into_a_line_that_its_worker_has_left_counts_against_nobody(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with server(place, "one", tmp_path) as one, server(place, "two", tmp_path) as two:
        await one.worker.rejoin()
        await two.worker.rejoin()
        await one.accept()
        await one.worker.job()
        one.pass_seconds(2 * SILENCE)
        await one.dispatcher.settled()
        two.dispatcher.wake(ECHO)
        job = await two.worker.job()
        found = await two.found()
        ((losses,),) = place.hand().execute("select losses from predictions").fetchall()

    assert (job.attempt, losses) == (2, 0)
    assert "Attempt 1 was handed back: it never reached its worker." in found.logs


@pytest.mark.fault(4)
async def test_what_a_dead_server_left_waits_for_its_worker(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with server(place, "two", tmp_path) as two:
        async with server(place, "one", tmp_path) as one:
            _, key = await begun(one)
        await two.watch_others(2 * SILENCE - 2 * BEAT_SECONDS)
        kept = await two.worker.rejoin([key])
        await two.watch_others(3 * SILENCE)
        found = await two.found()

    assert kept == [key]
    assert (found.attempt, found.claimed, found.logs) == (1, True, "begun\n")


async def test_what_a_dead_server_left_runs_again_if_its_worker_stays_away(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with server(place, "two", tmp_path) as two:
        async with server(place, "one", tmp_path) as one:
            _, key = await begun(one)
        await two.watch_others(2 * SILENCE + 4 * BEAT_SECONDS)
        await two.dispatcher.settled()
        await two.worker.rejoin(name="other")
        job = await two.worker.job()
        late = await HandWorker(two.dispatcher, two.worker.blobs).rejoin([key])
        found = await two.found()

    assert (job.attempt, late) == (2, [])
    assert "its server went away, and its worker did not come back" in found.logs


@pytest.mark.fault(4)
async def test_a_server_that_comes_back_finds_its_worker_waiting(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with server(place, "one", tmp_path) as one:
        job, key = await begun(one)
    async with server(place, "one", tmp_path) as again:
        await again.dispatcher.recover()
        again.pass_seconds(SILENCE - 1)
        kept = await again.worker.rejoin([key])
        again.worker.tell(job, await again.worker.give_picture(job), ended=succeeded(), number=2)
        found = await again.found()

    assert kept == [key]
    assert (found.status, found.attempt) == (Status.SUCCEEDED, 1)
