from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.blobs.stores import Blobs, bucket, local, memory
from tests.support.buckets import S3Server, moto_server, named_server
from tests.support.swift import swift_server

SERVERS = ["moto", pytest.param("swift", marks=pytest.mark.slow)]
if named_server():
    SERVERS.append("named")
STORES = ["local", "memory", *SERVERS]


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    pytest.importorskip("swift", reason="OpenStack Swift is installed on Linux alone")
    with swift_server(tmp_path_factory.mktemp("swift")) as server:
        yield server


def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """The server that a test's parameter names."""
    if request.param == "named" and (server := named_server()) is not None:
        return server
    found: S3Server = request.getfixturevalue(str(request.param))
    return found


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> S3Server:
    return s3_server(request)


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
