"""Files of workers elsewhere, in a folder of the server's."""

import base64
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.rig import Rig, rig

from darkroom.domain.errors import FileMissing
from darkroom.protocol.messages import Granted, Job, Wants

LARGE = bytes(range(256)) * 80  # 20 kB: such an input becomes a file
URL = f"data:application/octet-stream;base64,{base64.b64encode(LARGE).decode()}"


@dataclass
class Far:
    rig: Rig
    job: Job

    @property
    def put(self) -> str:
        """The one address that came for an output."""
        assert self.job.puts is not None
        (address,) = self.job.puts
        return address


@pytest_asyncio.fixture
async def far(tmp_path: Path) -> AsyncGenerator[Far]:
    """A worker from elsewhere that was sent a job with a file."""
    async with rig(tmp_path) as made:
        await made.worker.rejoin(name="far")
        await made.create(input={"image": URL})
        yield Far(made, await made.worker.job())


async def test_a_worker_elsewhere_gets_addresses_and_one_beside_us_does_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.worker.join()
        await made.create(input={"image": URL})
        job = await made.worker.job()
        assert (job.puts, [one.url for one in job.files]) == (None, [None])

        made.worker.leave()
        await made.worker.rejoin(name="far")
        job = await made.worker.job(1)
        assert [one[:18] for one in job.puts or ()] == ["/api/worker-files/"]
        assert [(one.url or "")[:18] for one in job.files] == ["/api/worker-files/"]


async def test_an_input_is_given(far: Far) -> None:
    answer = await far.rig.client.get(far.job.files[0].url or "", headers={"Authorization": ""})
    assert answer.content == LARGE


async def test_an_output_is_stored_once_and_is_then_the_predictions(far: Far) -> None:
    first = await far.rig.client.put(far.put, content=b"first")
    second = await far.rig.client.put(far.put, content=b"second")

    assert (first.status_code, second.status_code) == (201, 412)
    assert await far.rig.blobs.get(f"predictions/{far.job.id}/1/0") == b"first"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"damaged", {"Content-MD5": base64.b64encode(bytes(16)).decode()}, 400),
        (b"", {"Content-Length": str(64 * 2**20 + 1)}, 413),
    ],
)
async def test_what_is_damaged_or_too_large_is_not_stored(
    far: Far, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await far.rig.client.put(far.put, content=content, headers=headers)

    assert answer.status_code == status
    with pytest.raises(FileMissing):
        await far.rig.blobs.get(f"predictions/{far.job.id}/1/0")
    assert (await far.rig.client.put(far.put, content=b"again")).status_code == 201


async def test_bytes_with_their_digest_are_stored(far: Far) -> None:
    told = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()
    answer = await far.rig.client.put(far.put, content=b"x", headers={"Content-MD5": told})
    assert answer.status_code == 201


async def test_an_address_is_good_for_one_method_and_no_other_file(far: Far) -> None:
    get = far.job.files[0].url or ""
    for answer in (
        await far.rig.client.get(far.put),
        await far.rig.client.put(get, content=b"x"),
        await far.rig.client.get(f"{get[:-1]}!"),
    ):
        assert answer.status_code == 403
        assert "Workers ask for a new one" in answer.json()["detail"]


async def test_more_addresses_are_to_be_had(far: Far) -> None:

    assert far.rig.worker.seat is not None
    far.rig.dispatcher.wants(far.rig.worker.seat, Wants(far.job.id, 1, 5))
    while not (granted := [one for one in far.rig.worker.sent if isinstance(one, Granted)]):
        far.rig.worker.came.clear()
        await far.rig.worker.came.wait()

    assert (await far.rig.client.put(granted[0].url or "", content=b"x")).status_code == 201


async def test_a_file_that_was_not_stored_is_not_taken_for_one(far: Far) -> None:
    gave = await far.rig.worker.give_picture(far.job)
    await far.rig.blobs.delete(f"predictions/{far.job.id}/1/0")
    far.rig.worker.tell(far.job, gave, number=1)
    await far.rig.settled()

    shown = await far.rig.get(far.job.id)
    assert shown["output"] is None
    assert "could not be stored" in str(shown["logs"])
