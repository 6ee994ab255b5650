"""Workers that fall silent and come back, and cancels that meet a job on its way."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.hands import PICTURE, HandWorker, succeeded
from tests.support.rig import Rig
from tests.worker import scripted
from tests.worker.scripted import spec

from darkroom.protocol.messages import Said, Told

WORDS = {"prompt": "one two three four", "ms": 50}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


@pytest.mark.fault(7, 8)
async def test_what_a_worker_says_after_it_was_given_up_changes_nothing(rig: Rig) -> None:
    rig.worker.join(name="zombie")
    shown = await rig.create()
    first = await rig.worker.job()
    picture = await rig.worker.give_picture(first, data=PICTURE + b"of the zombie")
    zombie = rig.worker.seat
    assert zombie is not None
    assert rig.watch(11) == ["zombie"]
    heir = HandWorker(rig.dispatcher, rig.blobs)
    heir.join(name="heir")
    await heir.succeed(await heir.job())
    await rig.settled()
    ended = await rig.get(shown["id"])
    late = Told(first.id, first.attempt, True, [Said("I am back\n"), picture], succeeded())  # noqa: FBT003  # a message's field
    rig.dispatcher.told(zombie, late)
    await rig.settled()

    assert rig.worker.closed
    assert ended["status"] == "succeeded"
    assert await rig.get(shown["id"]) == ended
    answer = await rig.client.get(str(ended["output"]))
    assert answer.content == PICTURE


@pytest.mark.fault(15)
async def test_a_cancel_that_meets_the_job_on_its_way_is_final(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    job = await rig.worker.job()
    canceled = (await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")).json()
    rig.worker.tell(job, Said("a step\n"))
    rig.worker.tell(job, ended=succeeded())
    await rig.settled()

    assert [stop.id for stop in rig.worker.stops] == [job.id] * len(rig.worker.stops)
    assert rig.worker.stops
    assert canceled["status"] == "canceled"
    assert canceled["started_at"] is None
    assert await rig.get(shown["id"]) == canceled


@pytest.mark.fault(15)
@pytest.mark.parametrize("warm", [True, False])
async def test_a_stop_right_behind_the_job_lets_at_most_one_step_run(
    tmp_path: Path, *, warm: bool
) -> None:
    async with scripted.rig(tmp_path) as here:
        text = spec("echo-text")
        if warm:
            await here.server.run(text, {"prompt": "warm"})
        heard = here.server.job(text, WORDS, name="raced")
        here.server.stop("raced")
        await heard.ended.wait()

    assert heard.end.outcome == "canceled"
    assert len(heard.gave) <= 1
