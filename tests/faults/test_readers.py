"""Clients that read slowly, and many that listen at once."""

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.faults.clients import PICTURE
from tests.support.pictures import png
from tests.support.processes import KEY, Server

LARGE = png() + bytes(20 * 2**20)
READERS = 1500


def test_a_download_under_way_ends_whole_although_its_file_expires(tmp_path: Path) -> None:
    with Server(tmp_path, retention="1s") as server:
        sent = server.client.post("/v1/files", files={"content": ("a.png", LARGE, "image/png")})
        given = {"image": sent.json()["urls"]["get"]}
        shown = server.create("darkroom/echo", given, Prefer="wait=30")
        url = cast("str", server.get(shown["id"])["output"])
        with server.client.stream("GET", url) as answer:
            pieces = answer.iter_bytes()
            got = [next(pieces)]
            while server.get(shown["id"])["data_removed"] is not True:
                pass  # each question goes to the server and takes its time
            got += pieces
        after = server.client.get(url)

    assert b"".join(got) == LARGE
    assert after.status_code == 404


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Room for as many sockets as the system allows, here and in the server."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
@pytest.mark.usefixtures("descriptors")
def test_every_one_of_many_readers_hears_the_end(tmp_path: Path) -> None:
    async def follow(client: httpx2.AsyncClient, url: str, begun: asyncio.Semaphore) -> list[str]:
        async with client.stream("GET", url) as answer:
            begun.release()
            return [line async for line in answer.aiter_lines()]

    async def readers(server: Server, shown: dict[str, object]) -> list[list[str]]:
        url = cast("dict[str, str]", shown["urls"])["stream"]
        limits = httpx2.Limits(max_connections=None)
        begun = asyncio.Semaphore(0)
        async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
            following = [asyncio.create_task(follow(client, url, begun)) for _ in range(READERS)]
            for _ in range(READERS):
                await begun.acquire()
            address = f"{server.url}/v1/predictions/{shown['id']}/cancel"
            await client.post(address, headers={"Authorization": f"Bearer {KEY}"})
            return await asyncio.gather(*following)

    with Server(tmp_path) as server:
        shown = server.create("darkroom/echo", {"image": PICTURE, "ms": 60_000})
        heard = asyncio.run(readers(server, shown))

    assert all("event: done" in lines for lines in heard)
