"""Strays: removed after a day, in every file store, and nothing that is anybody's with them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.blobs import stores
from tests.blobs.stores import Blobs
from tests.support import rig as rigs
from tests.support.hands import PICTURE, HandClock
from tests.support.rig import Rig

from darkroom.domain.errors import FileMissing, FilesUnavailable
from darkroom.ports.buckets import Shelf, ShelfPage
from darkroom.service.strays import PAGE_SECONDS, ROUND_SECONDS, TROUBLE_SECONDS, Strays
from darkroom.store.known_files import KnownFileTables
from darkroom.store.sqlite import open_sqlite

DAY_MS = 24 * 3_600_000
NOBODY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/0/0"


class Later(HandClock):
    """Wall time so many milliseconds ahead, so that files grow old without waiting."""

    ahead_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.ahead_ms


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


@pytest.fixture(params=["local", "memory"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Blobs]:
    async with AsyncExitStack() as stack:
        local = request.param == "local"
        opened = stores.local(tmp_path / "others") if local else stores.memory()
        yield await stack.enter_async_context(opened)


@pytest.fixture
async def strays(rig: Rig, blobs: Blobs, clock: Later) -> AsyncGenerator[Strays]:
    async with open_sqlite(rig.folder / "darkroom.db") as database:
        yield Strays(shelf=blobs, known=KnownFileTables(database), clock=clock)


async def everything(strays: Strays, clock: Later) -> None:
    """A whole round."""
    for _ in range(10):
        await strays.once()
        clock.forward(PAGE_SECONDS)
    clock.forward(ROUND_SECONDS)


async def there(blobs: Blobs, key: str) -> bool:
    try:
        await blobs.get(key)
    except FileMissing:
        return False
    return True


async def test_what_nobody_names_goes_after_a_day_and_not_before(
    strays: Strays, blobs: Blobs, clock: Later
) -> None:
    await blobs.put(NOBODY, b"an input whose prediction never came")
    clock.ahead_ms = DAY_MS - 60_000
    await everything(strays, clock)
    assert await there(blobs, NOBODY)

    clock.ahead_ms = DAY_MS + 60_000
    await everything(strays, clock)
    assert not await there(blobs, NOBODY)


@pytest.mark.fault(8)
async def test_what_a_lost_attempt_has_left_goes_and_the_outputs_stay(
    rig: Rig, strays: Strays, blobs: Blobs, clock: Later
) -> None:
    rig.worker.join()
    await rig.create()
    first = await rig.worker.job()
    rig.worker.leave()
    rig.worker.join(name="another")
    second = await rig.worker.job(1)
    await rig.worker.succeed(second)
    await rig.settled()
    lost, kept = (f"predictions/{second.id}/{one.attempt}/0" for one in (first, second))
    for key in (lost, kept):
        await blobs.put(key, PICTURE)

    clock.ahead_ms = DAY_MS + 60_000
    await everything(strays, clock)
    assert (await there(blobs, lost), await there(blobs, kept)) == (False, True)


async def test_what_an_open_attempt_may_still_name_stays(
    rig: Rig, strays: Strays, blobs: Blobs, clock: Later
) -> None:
    rig.worker.join()
    await rig.create()
    held = await rig.worker.job()
    key = f"predictions/{held.id}/{held.attempt}/0"
    await blobs.put(key, PICTURE)

    clock.ahead_ms = 30 * DAY_MS
    await everything(strays, clock)
    assert await there(blobs, key)


async def test_the_spooled_input_of_a_prediction_stays(
    rig: Rig, strays: Strays, blobs: Blobs, clock: Later
) -> None:
    image = "data:image/png;base64," + "AAAA" * 6000
    shown = await rig.create(input={"image": image})
    key = f"predictions/{shown['id']}/0/0"
    await blobs.put(key, await rig.blobs.get(key))

    clock.ahead_ms = 30 * DAY_MS
    await everything(strays, clock)
    assert await there(blobs, key)


async def test_what_is_not_ours_is_left_alone(strays: Strays, blobs: Blobs, clock: Later) -> None:
    others = ["predictions/notes.txt/a", "predictions/p1/1/0/extra", "predictions/p1/one/0"]
    for key in others:
        await blobs.put(key, b"data")
    clock.ahead_ms = 30 * DAY_MS
    await everything(strays, clock)
    assert [await there(blobs, key) for key in others] == [True] * 3


async def test_half_a_file_goes(rig: Rig, clock: Later, tmp_path: Path) -> None:
    async with (
        stores.local(tmp_path / "half") as blobs,
        open_sqlite(rig.folder / "darkroom.db") as database,
    ):
        await blobs.writer(NOBODY).add(b"half")
        clock.ahead_ms = DAY_MS + 60_000
        strays = Strays(shelf=blobs, known=KnownFileTables(database), clock=clock)
        with capture_logs() as logs:
            await strays.once()
        assert (await blobs.page(None)).found == []
        assert [(one["event"], one["files"]) for one in logs] == [("strays.removed", 1)]


class Counting(Shelf):
    """Three pages, or trouble; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.down = False

    async def page(self, after: str | None) -> ShelfPage:
        self.asked.append(after)
        if self.down:
            raise FilesUnavailable("the file store does not answer as it should")
        following = {None: "a", "a": "b", "b": None}[after]
        return ShelfPage(found=(), next=following)

    async def discard(self, names: Sequence[str]) -> None:
        assert not names


async def test_pages_come_one_by_one_and_rounds_an_hour_apart(rig: Rig, clock: Later) -> None:
    async with open_sqlite(rig.folder / "darkroom.db") as database:
        shelf = Counting()
        strays = Strays(shelf=shelf, known=KnownFileTables(database), clock=clock)
        await strays.once()
        await strays.once()
        assert shelf.asked == [None]
        for _ in range(5):
            clock.forward(PAGE_SECONDS)
            await strays.once()
        assert shelf.asked == [None, "a", "b"]
        clock.forward(ROUND_SECONDS)
        await strays.once()
        assert shelf.asked == [None, "a", "b", None]


async def test_a_store_that_does_not_answer_is_left_alone_for_a_minute(
    rig: Rig, clock: Later
) -> None:
    async with open_sqlite(rig.folder / "darkroom.db") as database:
        shelf = Counting()
        strays = Strays(shelf=shelf, known=KnownFileTables(database), clock=clock)
        shelf.down = True
        await strays.once()
        shelf.down = False
        clock.forward(PAGE_SECONDS)
        await strays.once()
        assert shelf.asked == [None]
        clock.forward(TROUBLE_SECONDS)
        await strays.once()
        assert shelf.asked == [None, None]
