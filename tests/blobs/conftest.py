from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.blobs.stores import Blobs, bucket, local, memory
from tests.support.buckets import S3Server, moto_server, named_server

STORES = ["local", "memory", "moto", *(["named"] if named_server() else [])]


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """The server that a test's parameter names."""
    if request.param == "named" and (server := named_server()) is not None:
        return server
    found: S3Server = request.getfixturevalue(str(request.param))
    return found


@pytest.fixture(params=STORES)
async def blobs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Blobs]:
    async with AsyncExitStack() as stack:
        if request.param == "local":
            yield await stack.enter_async_context(local(tmp_path))
        elif request.param == "memory":
            yield await stack.enter_async_context(memory())
        else:
            server = s3_server(request)
            yield (await stack.enter_async_context(bucket(server, monkeypatch)))[0]
