"""How the orders of models with weights are shared between workers, and between what they hold."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.hands import HandWorker
from tests.support.rig import Rig

from darkroom.domain.ids import VersionId
from darkroom.protocol.messages import Beat
from darkroom.service.catalogue import load_catalogue

SD = load_catalogue({}).resolve("stability-ai/stable-diffusion-img2img")[1]
KONTEXT = load_catalogue({}).resolve("black-forest-labs/flux-kontext-dev")[1]
SLOTS = {"diffusers": 8}
PICTURE = "data:image/png;base64,AAAA"
INPUTS = {
    SD.id: {"prompt": "x", "image": PICTURE},
    KONTEXT.id: {"prompt": "x", "input_image": PICTURE},
}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


async def order(rig: Rig, version: VersionId, count: int = 1) -> list[str]:
    body = {"version": version, "input": INPUTS[version]}
    return [str((await rig.create(**body))["id"]) for _ in range(count)]


def second(rig: Rig) -> HandWorker:
    other = HandWorker(rig.dispatcher, rig.blobs)
    other.join(SLOTS, name="second")
    return other


def has_loaded(worker: HandWorker, *versions: str, closed: Sequence[str] = ()) -> None:
    assert worker.seat is not None
    held = list(worker.seat.held)
    worker.dispatcher.beat(worker.seat, Beat(held, list(versions), closed=list(closed)))


async def test_a_burst_goes_to_both_workers_although_one_has_the_model_loaded(rig: Rig) -> None:
    rig.worker.join(SLOTS)
    other = second(rig)
    has_loaded(rig.worker, SD.id)
    await order(rig, SD.id, 8)

    assert (len(rig.worker.jobs), len(other.jobs)) == (4, 4)


@pytest.mark.parametrize("loaded", [[], [SD.id]])
async def test_what_had_to_wait_is_shared_by_those_who_come(
    rig: Rig, loaded: Sequence[str]
) -> None:
    await order(rig, SD.id, 8)
    rig.worker.join(SLOTS)
    other = second(rig)
    for worker in (rig.worker, other):
        has_loaded(worker, *loaded)
    await asyncio.gather(rig.worker.job(3), other.job(3))
    await rig.settled()

    assert (len(rig.worker.jobs), len(other.jobs)) == (4, 4)


async def test_what_had_to_wait_goes_first_to_the_least_busy(rig: Rig) -> None:
    rig.worker.join(SLOTS)
    has_loaded(rig.worker, SD.id)
    await order(rig, SD.id, 4)
    assert rig.worker.seat is not None
    rig.worker.seat.draining = True
    await order(rig, SD.id, 2)
    rig.worker.seat.draining = False
    other = second(rig)
    has_loaded(other, SD.id)
    await other.job(1)

    assert (len(rig.worker.jobs), len(other.jobs)) == (4, 2)


async def test_orders_that_wait_for_room_leave_slots_to_what_is_loaded(rig: Rig) -> None:
    rig.worker.join(SLOTS)
    has_loaded(rig.worker, KONTEXT.id)
    await order(rig, SD.id, 20)
    (quick,) = await order(rig, KONTEXT.id)  # at once, past those that wait

    assert len(rig.worker.jobs) == 5
    assert rig.worker.jobs[4].id == quick


async def test_what_waits_goes_to_nobody_who_could_not_load_it_while_others_have_room(
    rig: Rig,
) -> None:
    rig.worker.join(SLOTS)
    assert rig.worker.seat is not None
    rig.dispatcher.beat(rig.worker.seat, Beat([], [], {}, {SD.id: "no room"}))
    rig.dispatcher.draining(rig.worker.seat)
    await order(rig, SD.id, 8)
    rig.worker.seat.draining = False
    other = second(rig)
    has_loaded(other, SD.id)
    await other.job(7)

    assert not rig.worker.jobs


async def test_the_rest_goes_out_as_soon_as_a_beat_tells_that_it_is_loaded(rig: Rig) -> None:
    rig.worker.join(SLOTS)
    made = await order(rig, SD.id, 8)
    await rig.worker.job(3)
    has_loaded(rig.worker, SD.id)
    await rig.worker.job(7)

    assert [job.id for job in rig.worker.jobs] == made


async def test_orders_of_a_model_that_makes_way_leave_slots_to_the_others(rig: Rig) -> None:
    rig.worker.join(SLOTS)
    has_loaded(rig.worker, SD.id, KONTEXT.id, closed=[SD.id])
    await order(rig, SD.id, 20)
    (quick,) = await order(rig, KONTEXT.id)

    assert (await rig.worker.job(4)).id == quick


async def test_a_beat_that_comes_early_does_not_make_a_job_count_as_lost(rig: Rig) -> None:
    rig.worker.join(SLOTS)
    assert rig.worker.seat is not None
    await order(rig, SD.id)
    for loaded in (SD.id, KONTEXT.id, SD.id, KONTEXT.id):  # sent before the job came there
        rig.dispatcher.beat(rig.worker.seat, Beat([], [loaded]))
    await rig.settled()

    assert (len(rig.worker.jobs), rig.worker.stops) == (1, [])
