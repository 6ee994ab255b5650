"""What a server does when others tell, and finds by itself when they forget to."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.service.test_watch import Clock, Table
from tests.store.acceptances import ADA, acceptance
from tests.support.hands import HandClock, HandWorker

from darkroom.blobs.local import LocalBlobs
from darkroom.domain.ids import PredictionId, ServerId, VersionId, WorkerId
from darkroom.domain.prediction import Prediction, Status
from darkroom.ports.predictions import Holder, Lease, LiveAttempt
from darkroom.ports.twins import Hint, News
from darkroom.service.catalogue import load_catalogue
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.twins import Announcer, Twins
from darkroom.service.watch import Watch
from darkroom.store.predictions import PredictionTables
from darkroom.store.sqlite import open_sqlite

ECHO = load_catalogue({}).resolve("darkroom/echo")[1].id
P1 = PredictionId("p1")


@dataclass
class Told:
    """Satisfies Hints; keeps what is told."""

    hints: list[Hint] = field(default_factory=list[Hint])

    def tell(self, hint: Hint) -> None:
        self.hints.append(hint)

    def listen(self, heard: Callable[[Hint], None], missed: Callable[[], None]) -> None: ...
    def start(self) -> None: ...


@dataclass
class Scene:
    """A server with a worker; a test is the other server, and changes the database beside it."""

    store: PredictionTables
    hub: Hub
    dispatcher: Dispatcher
    worker: HandWorker
    table: Table
    watch: Watch
    twins: Twins
    reread: asyncio.Queue[str]

    async def accept(self, version: VersionId = ECHO, holder: Holder | None = None) -> Prediction:
        return await self.store.accept(replace(acceptance(P1, holder=holder), version=version))

    def hint(self, news: News, subject: str = "") -> None:
        self.twins.heard(Hint(news, subject))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Scene]:
    async with open_sqlite(tmp_path / "a.db") as database:
        store, hub, reread = PredictionTables(database), Hub(), asyncio.Queue[str]()
        dispatcher = Dispatcher(
            store=store,
            attempts=store,
            catalogue=load_catalogue({}),
            hub=hub,
            clock=HandClock(),
            silence_seconds=10,
        )
        table = Table()
        watch = Watch(me=ServerId("me"), servers=table, clock=Clock(), silence_seconds=10)

        twins = Twins(
            store=store,
            attempts=store,
            catalogue=load_catalogue({}),
            hub=hub,
            dispatcher=dispatcher,
            watch=watch,
            minded=list,
            keys=lambda: reread.put("keys"),
            models=lambda: reread.put("models"),
            deliveries=lambda: reread.put_nowait("deliveries"),
        )
        worker = HandWorker(dispatcher, LocalBlobs(tmp_path / "files"))
        yield Scene(store, hub, dispatcher, worker, table, watch, twins, reread)
        await dispatcher.settled()


async def test_what_waits_elsewhere_is_claimed_where_there_is_room(scene: Scene) -> None:
    scene.worker.join()
    await scene.accept()
    scene.hint(News.WAITING, ECHO)

    assert (await scene.worker.job()).id == P1


async def test_a_run_that_was_ended_elsewhere_is_stopped(scene: Scene) -> None:
    scene.worker.join()
    await scene.accept()
    scene.hint(News.WAITING, ECHO)
    job = await scene.worker.job()
    await scene.store.cancel(P1, ADA)
    scene.hint(News.ENDED, P1)

    assert [one.id for one in scene.worker.stops] == [job.id]


async def test_whoever_waits_here_hears_of_what_changed_elsewhere(scene: Scene) -> None:
    await scene.accept()
    with scene.hub.subscribed(P1) as subscription:
        await scene.store.cancel(P1, ADA)
        scene.hint(News.ENDED, P1)
        ended = await subscription.ended(10)

    assert ended is not None
    assert ended.status is Status.CANCELED


async def test_the_sweep_finds_what_no_hint_told(scene: Scene) -> None:
    scene.worker.join()
    await scene.accept()
    await scene.twins.sweep()
    job = await scene.worker.job()
    await scene.store.cancel(P1, ADA)
    scene.worker.leave()
    with scene.hub.subscribed(P1) as subscription:
        await scene.twins.sweep()
        ended = await subscription.ended(10)

    assert (job.id, ended is not None) == (P1, True)
    assert {scene.reread.get_nowait() for _ in range(4)} == {"keys", "deliveries"}


async def test_keys_and_models_are_read_anew(scene: Scene) -> None:
    scene.hint(News.KEYS)
    assert await scene.reread.get() == "keys"
    scene.twins.missed()
    assert await scene.reread.get() == "models"
    assert scene.twins.hurried.is_set()


async def test_a_version_that_another_server_may_know_is_failed_only_when_alone(
    scene: Scene,
) -> None:
    await scene.accept(VersionId("unknown"))
    scene.worker.join()
    await scene.watch.once()
    scene.hint(News.WAITING, "unknown")
    await scene.twins.sweep()
    in_company = await scene.store.get(P1)
    scene.table.beats.clear()
    await scene.watch.once()
    await scene.twins.sweep()
    alone = await scene.store.get(P1)

    assert in_company is not None
    assert alone is not None
    assert (in_company.status, alone.status) == (Status.STARTING, Status.FAILED)


async def test_what_a_dead_server_held_runs_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = Holder(worker=WorkerId("w"), incarnation=1)
    await scene.accept(holder=holder)
    left = LiveAttempt(prediction=P1, attempt=1, lease=Lease(holder=holder))

    async def once() -> list[LiveAttempt]:
        return [left]

    monkeypatch.setattr(scene.watch, "once", once)
    await scene.twins.once()
    await scene.dispatcher.settled()
    scene.worker.join()
    job = await scene.worker.job()
    found = await scene.store.get(P1)

    assert found is not None
    assert (job.id, job.attempt) == (P1, 2)
    assert "its server went away" in found.logs


async def test_hints_are_told_only_to_somebody(scene: Scene) -> None:
    told = Told()
    announcer = Announcer(told, scene.watch)
    await scene.watch.once()
    waits = await scene.accept()
    announcer.changed(waits)
    announcer.waits(ECHO)
    ended = await scene.store.cancel(P1, ADA)
    assert ended is not None
    announcer.changed(ended)
    announcer.changed(replace(ended, destination="ada/made"))
    scene.table.beats.clear()
    await scene.watch.once()
    announcer.waits(ECHO)

    assert [one.news for one in told.hints] == [
        News.CHANGED,
        News.WAITING,
        News.ENDED,
        News.TRAINED,
    ]
    assert announcer.alone


async def test_what_no_sweep_finds_is_told_also_before_another_server_is_known(
    scene: Scene,
) -> None:
    told = Told()
    announcer = Announcer(told, scene.watch)
    scene.table.beats.clear()
    await scene.watch.once()
    await scene.accept()
    ended = await scene.store.cancel(P1, ADA)
    assert ended is not None
    announcer.changed(ended)
    announcer.changed(replace(ended, destination="ada/made"))
    announcer.models()
    announcer.keys()

    assert announcer.alone
    assert [one.news for one in told.hints] == [News.TRAINED, News.MODELS, News.KEYS]
