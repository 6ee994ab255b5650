"""Files are stored with patience, described by what they are, and given up by name of the cause."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from darkroom.domain.errors import FilesUnavailable
from darkroom.ports.files import Blobs, BlobWriter
from darkroom.protocol.messages import FileFact, Output
from darkroom.worker.outputs import Outputs

LARGE = 2 * 2**20


class Unsteady(Blobs):
    """Fails so many times, then keeps."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.kept: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise FilesUnavailable("disk full")
        self.kept[key] = data

    async def get(self, key: str) -> bytes:
        return self.kept[key]

    def stream(self, key: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        del self.kept[key]

    def writer(self, key: str) -> BlobWriter:
        raise NotImplementedError

    async def delete_under(self, prefix: str) -> None:
        raise NotImplementedError


async def store(blobs: Blobs, output: Output) -> FileFact | FilesUnavailable:
    settled: asyncio.Future[FileFact | FilesUnavailable] = (
        asyncio.get_running_loop().create_future()
    )
    outputs = Outputs(blobs, retry_seconds=(0.0, 0.0))
    outputs.store(output, settled.set_result)
    fact = await settled
    outputs.close()
    return fact


def output(data: bytes = b"data", name: str = "a.png", content_type: str = "image/png") -> Output:
    return Output("p1", 2, 3, name, content_type, data, None)


@pytest.mark.parametrize("size", [0, 10, LARGE])
@pytest.mark.parametrize("failures", [0, 1, 2])
async def test_a_file_is_stored_whatever_its_size_and_however_often_it_takes(
    size: int, failures: int
) -> None:
    blobs, data = Unsteady(failures), bytes(size)
    fact = await store(blobs, output(data))
    assert isinstance(fact, FileFact)
    assert (fact.key, fact.size_bytes) == ("predictions/p1/2/3", size)
    assert fact.sha256 == hashlib.sha256(data).hexdigest()
    assert blobs.kept == {"predictions/p1/2/3": data}


@pytest.mark.parametrize("size", [10, LARGE])
async def test_after_the_last_failure_the_cause_is_told(size: int) -> None:
    fact = await store(Unsteady(3), output(bytes(size)))
    assert isinstance(fact, FilesUnavailable)
    assert str(fact) == "disk full"


@pytest.mark.parametrize(
    ("name", "content_type", "kept"),
    [
        ("my picture.png", "image/svg+xml", ("my-picture.png", "image/svg+xml")),
        ("Größe.png", "image/png", ("output", "image/png")),
        ("٣.png", "image/png", ("output", "image/png")),
        ("..", "image/png", ("output", "image/png")),
        ("a+b.png", "image/ñ", ("output", "application/octet-stream")),
        ("notes.txt", "text/plain; charset=utf-8", ("notes.txt", "text/plain; charset=utf-8")),
        ("../x", "text/html\r\nX: y", ("output", "application/octet-stream")),
        ("", "", ("output", "application/octet-stream")),
    ],
)
async def test_a_name_or_type_that_could_do_harm_is_replaced(
    name: str, content_type: str, kept: tuple[str, str]
) -> None:
    fact = await store(Unsteady(0), output(name=name, content_type=content_type))
    assert isinstance(fact, FileFact)
    assert (fact.name, fact.content_type) == kept
