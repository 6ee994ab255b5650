"""The worker's door to a bucket: whole files or a true reason, whatever the bucket does."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.blobs.stores import bucket
from tests.egress.loopback import Request, reply, serving
from tests.support.buckets import BreakingProxy, S3Server, moto_server

from darkroom.blobs.objects import ObjectBlobs
from darkroom.blobs.s3 import S3Bucket
from darkroom.domain.errors import FileMissing, FilesUnavailable
from darkroom.egress.signed import SignedDoor

KEY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/1/0"
LARGE = 3 * 2**20


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture
def proxy(moto: S3Server) -> Iterator[BreakingProxy]:
    proxy = BreakingProxy(moto.address)
    yield proxy
    proxy.close()


@pytest.fixture
async def files(
    moto: S3Server, proxy: BreakingProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ObjectBlobs, S3Bucket]]:
    async with bucket(moto, monkeypatch, endpoint=proxy.endpoint) as made:
        yield made


@pytest.fixture
async def door() -> AsyncIterator[SignedDoor]:
    async with SignedDoor(retry_seconds=(0.0,)) as made:
        yield made


@pytest.mark.parametrize("size", [0, 10, LARGE])
async def test_a_file_goes_there_and_back(
    files: tuple[ObjectBlobs, S3Bucket], door: SignedDoor, size: int
) -> None:
    blobs, opened = files
    data = bytes(index % 253 for index in range(1024)) * (size // 1024 + 1)
    (put,) = await opened.writable([KEY])
    (get,) = await opened.readable([KEY])
    await door.put(put, data[:size])
    assert await door.get(get) == await blobs.get(KEY) == data[:size]


async def test_what_is_there_already_stays(
    files: tuple[ObjectBlobs, S3Bucket], door: SignedDoor
) -> None:
    (put,) = await files[1].writable([KEY])
    await door.put(put, b"first")
    await door.put(put, b"second")
    assert await files[0].get(KEY) == b"first"


async def test_what_is_not_there_is_missing(
    files: tuple[ObjectBlobs, S3Bucket], door: SignedDoor
) -> None:
    (get,) = await files[1].readable([KEY])
    with pytest.raises(FileMissing):
        await door.get(get)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("error", r"the file store answered HTTP 503 \(SlowDown\)"),
        ("reset", "broke off the connection"),
        ("silent", "did not answer in time"),
    ],
)
@pytest.mark.parametrize("size", [10, LARGE])
async def test_a_fault_is_told_and_the_next_try_stores_all(
    files: tuple[ObjectBlobs, S3Bucket],
    door: SignedDoor,
    proxy: BreakingProxy,
    fault: str,
    told: str,
    size: int,
) -> None:
    blobs, opened = files
    (put,) = await opened.writable([KEY])
    proxy.faults = [fault]
    async with SignedDoor(stall_seconds=0.5 if fault == "silent" else 30) as impatient:
        with pytest.raises(FilesUnavailable, match=told):
            await impatient.put(put, bytes(size))
    with pytest.raises(FileMissing):
        await blobs.get(KEY)
    await door.put(put, bytes(size))
    assert len(await blobs.get(KEY)) == size


@pytest.mark.fault(22)
async def test_a_bucket_that_drips_is_as_good_as_silent() -> None:
    cut = asyncio.Event()

    async def drip(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx-drip: ")
        try:
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            cut.set()

    async with serving(drip) as server, SignedDoor(slack_seconds=0.2) as door:
        with pytest.raises(FilesUnavailable, match="did not answer in time"):
            await door.put(server.url(), b"data")
        await cut.wait()


async def test_an_address_that_was_changed_takes_nothing(door: SignedDoor) -> None:
    async def refuse(_request: Request, writer: asyncio.StreamWriter) -> None:
        reply(writer, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", status=403)

    async with serving(refuse) as server:
        with pytest.raises(FilesUnavailable, match=r"HTTP 403 \(SignatureDoesNotMatch\)"):
            await door.put(server.url(), b"data")


async def test_a_redirect_is_not_followed(door: SignedDoor) -> None:
    async def away(_request: Request, writer: asyncio.StreamWriter) -> None:
        reply(writer, b"", status=307, location="http://169.254.169.254/latest")

    async with serving(away) as server:
        with pytest.raises(FilesUnavailable, match="HTTP 307"):
            await door.get(server.url())
        assert len(server.requests) == 2


async def test_an_address_that_is_none_is_refused(door: SignedDoor) -> None:
    with pytest.raises(FilesUnavailable, match="cannot be spoken to"):
        await door.get("file:///etc/passwd")


async def test_a_bucket_that_is_down_is_told(door: SignedDoor) -> None:
    with pytest.raises(FilesUnavailable, match="cannot be reached"):
        await door.put("http://127.0.0.1:1/x", b"data")


async def test_an_address_without_a_host_is_our_own_servers() -> None:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        reply(writer, request.target.encode())

    async with serving(answer) as server, SignedDoor(server.url("/models/")) as door:
        assert await door.get("/api/worker-files/abc") == b"/models/api/worker-files/abc"


async def test_an_address_without_a_host_is_none_to_a_worker_beside_its_server(
    door: SignedDoor,
) -> None:
    with pytest.raises(FilesUnavailable, match="cannot be spoken to"):
        await door.put("/api/worker-files/abc", b"x")
