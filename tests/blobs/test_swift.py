"""What only a strict server shows: signatures are checked, they expire, and so are digests."""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx2
import pytest
from tests.blobs.stores import bucket
from tests.support.buckets import S3Server

from darkroom.blobs.objects import ObjectBlobs
from darkroom.blobs.s3 import S3Bucket, open_bucket, try_bucket
from darkroom.domain.errors import FileMissing, FilesUnavailable, InvalidSetting
from darkroom.egress.signed import SignedDoor

pytestmark = pytest.mark.slow
KEY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/1/0"


@pytest.fixture
async def files(
    swift: S3Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ObjectBlobs, S3Bucket]]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(bucket(swift, monkeypatch))


@pytest.fixture
async def door() -> AsyncIterator[SignedDoor]:
    async with SignedDoor(retry_seconds=()) as made:
        yield made


async def test_the_workers_door_speaks_with_it(
    files: tuple[ObjectBlobs, S3Bucket], door: SignedDoor
) -> None:
    blobs, opened = files
    (put,), (get,) = await opened.writable([KEY]), await opened.readable([KEY])
    await door.put(put, b"first")
    await door.put(put, b"second")
    assert await door.get(get) == await blobs.get(KEY) == b"first"
    assert await opened.size_bytes(KEY) == 5


async def test_an_address_is_good_for_its_own_key_and_verb_alone(
    files: tuple[ObjectBlobs, S3Bucket], door: SignedDoor
) -> None:
    blobs, opened = files
    (put,), (get,) = await opened.writable([KEY]), await opened.readable([KEY])
    for address in (get, put.replace("/1/0?", "/2/0?")):
        with pytest.raises(FilesUnavailable, match="HTTP 403"):
            await door.put(address, b"data")
    with pytest.raises(FileMissing):
        await blobs.get(KEY)


async def test_an_address_whose_time_is_over_takes_nothing(
    swift: S3Server, files: tuple[ObjectBlobs, S3Bucket], door: SignedDoor
) -> None:
    store = open_bucket(swift.place(), endpoint=swift.endpoint)
    brief = S3Bucket(store, files[0], signed_for=timedelta(seconds=1))
    (put,) = await brief.writable([KEY])
    async with httpx2.AsyncClient(trust_env=False) as client:
        while (await client.get(put)).text.find("expired") < 0:
            pass  # each answer takes its time; the verb is wrong until the time is over
    with pytest.raises(FilesUnavailable, match=r"HTTP 403 \(AccessDenied\)"):
        await door.put(put, b"data")


async def test_bytes_that_were_damaged_on_the_way_are_refused(
    files: tuple[ObjectBlobs, S3Bucket],
) -> None:
    (put,) = await files[1].writable([KEY])
    digest = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.put(put, content=b"data", headers={"Content-MD5": digest})
    assert (answer.status_code, "BadDigest" in answer.text) == (400, True)


def test_wrong_credentials_are_told_at_the_start(
    swift: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in swift.environment.items():
        monkeypatch.setenv(name, value)
    try_bucket(swift.url, endpoint=swift.endpoint, region=None)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(InvalidSetting, match="refuses these credentials"):
        try_bucket(swift.url, endpoint=swift.endpoint, region=None)
