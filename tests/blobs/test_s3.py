"""A bucket: tried at the start, patient with a bad server, and opened to workers by addresses."""

import hashlib
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from structlog.testing import capture_logs
from tests.blobs.stores import bucket
from tests.support.buckets import BreakingProxy, S3Server

from darkroom.blobs.objects import ObjectBlobs
from darkroom.blobs.s3 import S3Bucket, open_bucket, try_bucket
from darkroom.domain.errors import FileMissing, FilesUnavailable, InvalidSetting

KEY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/1/0"
CREATE = {"If-None-Match": "*", "Content-Type": "application/octet-stream"}


@pytest.fixture
def proxy(server: S3Server) -> Iterator[BreakingProxy]:
    proxy = BreakingProxy(server.address)
    yield proxy
    proxy.close()


@pytest.fixture
async def files(
    server: S3Server, proxy: BreakingProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ObjectBlobs, S3Bucket]]:
    async with bucket(server, monkeypatch, endpoint=proxy.endpoint) as made:
        yield made


async def test_a_signed_address_takes_one_file_once_and_another_gives_it(
    files: tuple[ObjectBlobs, S3Bucket],
) -> None:
    blobs, opened = files
    (put,) = await opened.writable([KEY])
    (get,) = await opened.readable([KEY])
    async with httpx2.AsyncClient(trust_env=False) as client:
        first = await client.put(put, content=b"first", headers=CREATE)
        second = await client.put(put, content=b"second", headers=CREATE)
        read = await client.get(get)
    assert (first.status_code, second.status_code, read.content) == (200, 412, b"first")
    assert await blobs.get(KEY) == b"first"
    assert await opened.size_bytes(KEY) == 5


async def test_nothing_is_signed_for_nothing(files: tuple[ObjectBlobs, S3Bucket]) -> None:
    assert list(await files[1].readable([])) == []


async def test_what_is_no_key_is_not_signed(files: tuple[ObjectBlobs, S3Bucket]) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        await files[1].writable(["../secrets"])


async def test_the_size_of_nothing_is_missing(files: tuple[ObjectBlobs, S3Bucket]) -> None:
    with pytest.raises(FileMissing):
        await files[1].size_bytes(KEY)


@pytest.mark.parametrize("fault", ["error", "reset"])
@pytest.mark.parametrize("size", [10, 2**20])
async def test_a_put_that_fails_is_tried_again(
    files: tuple[ObjectBlobs, S3Bucket], proxy: BreakingProxy, fault: str, size: int
) -> None:
    blobs, _ = files
    proxy.faults = [fault, fault]
    data = bytes(size)
    await blobs.put(KEY, data)
    assert proxy.puts == 3
    assert hashlib.sha256(await blobs.get(KEY)).digest() == hashlib.sha256(data).digest()


async def test_a_bucket_that_never_takes_a_file_is_told_without_its_address(
    server: S3Server, proxy: BreakingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    store = open_bucket(server.place(), endpoint=proxy.endpoint, retry={"max_retries": 1})
    blobs = ObjectBlobs(store)
    proxy.always = "error"
    with capture_logs() as logs, pytest.raises(FilesUnavailable) as told:
        await blobs.put(KEY, b"data")
    await blobs.close()
    assert str(told.value) == "the file store does not answer as it should"
    assert [line["event"] for line in logs] == ["files.failed"]
    assert server.environment["AWS_SECRET_ACCESS_KEY"] not in str(logs)


async def test_a_bucket_that_went_away_takes_nothing(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    blobs = ObjectBlobs(open_bucket("s3://nobody", endpoint=server.endpoint))
    with pytest.raises(FilesUnavailable, match="no such bucket"):
        await blobs.put(KEY, b"data")
    await blobs.close()


def test_a_bucket_that_is_there_passes_the_first_look(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    try_bucket(server.place(), endpoint=server.endpoint, region=None)


def test_a_bucket_that_is_not_there_is_refused_at_the_start(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting, match="there is no bucket 'nobody'"):
        try_bucket("s3://nobody/prefix", endpoint=server.endpoint, region=None)


def test_a_server_that_does_not_answer_yet_is_only_logged(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as logs:
        try_bucket("s3://darkroom", endpoint="http://127.0.0.1:1", region="eu-central-1")
    assert [line["event"] for line in logs] == ["files.unreachable"]
