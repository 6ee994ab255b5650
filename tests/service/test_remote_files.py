"""Files in a bucket: what travels with a job, in which order, and what is believed afterwards."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.hands import PICTURE
from tests.support.pictures import data_url
from tests.support.rig import Rig
from tests.support.signing import NamedBucket

from darkroom.domain.errors import PeerMisbehaved
from darkroom.domain.ids import PredictionId
from darkroom.protocol.messages import Drain, Granted, Job, Stop, Wants
from darkroom.service.remote_files import RemoteFiles


@pytest.fixture
def bucket() -> NamedBucket:
    return NamedBucket()


@pytest.fixture
async def rig(tmp_path: Path, bucket: NamedBucket) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path, bucket=bucket) as made:
        yield made


def job(id_: str = "p1") -> Job:
    return Job(id_, 1, "v", "{}", [])


async def test_a_job_carries_addresses_for_its_inputs_and_first_outputs(rig: Rig) -> None:
    rig.worker.join()
    picture = data_url(PICTURE + bytes(20_000))
    await rig.create(input={"image": picture})
    sent = await rig.worker.job()
    assert [(one.key, one.url) for one in sent.files] == [
        (f"predictions/{sent.id}/0/0", f"get:predictions/{sent.id}/0/0")
    ]
    assert sent.puts == [f"put:predictions/{sent.id}/1/0"]


async def test_what_comes_after_a_job_is_sent_after_it(bucket: NamedBucket) -> None:
    sent: list[object] = []
    done = asyncio.Event()

    def send(message: object) -> None:
        sent.append(message)
        if isinstance(message, Drain):
            done.set()

    way = RemoteFiles(bucket).signing(send)
    bucket.open.clear()
    way(job("p1"))
    way(Stop("p1", 1))
    way(job("p2"))
    way(Drain(1.0))
    assert sent == []
    bucket.open.set()
    await done.wait()
    assert [type(one) for one in sent] == [Job, Stop, Job, Drain]
    way(Stop("p2", 1))
    assert sent[-1] == Stop("p2", 1)


async def test_a_job_that_cannot_be_signed_is_not_sent_and_the_next_one_is(
    bucket: NamedBucket,
) -> None:
    sent: list[object] = []
    done = asyncio.Event()

    def send(message: object) -> None:
        sent.append(message)
        done.set()

    way = RemoteFiles(bucket).signing(send)
    bucket.works = False
    way(job("p1"))
    way(Stop("p1", 1))
    await done.wait()
    assert sent == [Stop("p1", 1)]


async def test_a_worker_gets_a_further_address_for_a_run_it_holds(rig: Rig) -> None:
    rig.worker.join()
    await rig.create()
    held = await rig.worker.job()
    assert rig.worker.seat is not None
    rig.worker.came.clear()
    rig.dispatcher.wants(rig.worker.seat, Wants("another", 1, 0))
    rig.dispatcher.wants(rig.worker.seat, Wants(held.id, 1, 7))
    await rig.worker.came.wait()
    url = f"put:predictions/{held.id}/1/7"
    granted = [one for one in rig.worker.sent if isinstance(one, Granted)]
    assert granted == [Granted(held.id, 1, 7, url)]


async def test_without_credentials_the_worker_is_told_that_there_is_no_address(
    rig: Rig, bucket: NamedBucket
) -> None:
    rig.worker.join()
    await rig.create()
    held = await rig.worker.job()
    assert rig.worker.seat is not None
    bucket.works = False
    rig.worker.came.clear()
    rig.dispatcher.wants(rig.worker.seat, Wants(held.id, 1, 0))
    await rig.worker.came.wait()
    assert rig.worker.sent[-1] == Granted(held.id, 1, 0, None)


@pytest.mark.parametrize("index", [-1, 64])
async def test_a_number_that_no_file_has_puts_the_worker_out(rig: Rig, index: int) -> None:
    rig.worker.join()
    assert rig.worker.seat is not None
    with pytest.raises(PeerMisbehaved, match=f"wants a place for file {index}"):
        rig.dispatcher.wants(rig.worker.seat, Wants("p1", 1, index))


async def test_a_file_that_is_there_is_believed(rig: Rig, bucket: NamedBucket) -> None:
    rig.worker.join()
    shown = await rig.create()
    held = await rig.worker.job()
    bucket.sizes[f"predictions/{held.id}/1/0"] = len(PICTURE)
    await rig.worker.succeed(held)
    await rig.settled()
    assert (await rig.get(shown["id"]))["status"] == "succeeded"


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("none", "the file is not stored here"),
        (3, f"output 0 has 3 bytes, not {len(PICTURE)}"),
        (None, "the file store does not answer as it should"),
    ],
)
async def test_a_file_that_is_not_as_told_is_never_shown_and_the_run_is_repeated(
    rig: Rig, bucket: NamedBucket, size: int | str | None, told: str
) -> None:
    rig.worker.join()
    shown = await rig.create()
    for number in range(3):
        held = await rig.worker.job(number)
        if not isinstance(size, str):
            bucket.sizes[f"predictions/{held.id}/{held.attempt}/0"] = size
        await rig.worker.succeed(held)
    await rig.settled()
    after = await rig.get(shown["id"])
    assert (after["status"], after["output"]) == ("failed", None)
    assert told in str(after["error"])
    for attempt in (1, 2, 3):
        assert await rig.store.file(PredictionId(str(shown["id"])), attempt, 0) is None
