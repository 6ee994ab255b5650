"""What a stranger is told does not depend on what listens behind an address."""

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest
from tests.egress.networks import Detour, Silence

from darkroom.domain.errors import InputUnusable
from darkroom.egress.fetch import GuardedFetcher

NOTHING = "could not fetch the file at host.test: it cannot be reached or did not answer in time"
GREETINGS = {
    "says nothing and closes": b"",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
    "smtp": b"220 mail.test ESMTP\r\n",
    "redis": b"-ERR wrong number of arguments\r\n",
    "mysql": b"\x4a\0\0\0\x0a8.0.36\0",
    "old http": b"<html>hello</html>",
    "http 2 alone": b"\0\0\x12\x04\0\0\0\0\0",
    "tls alert": b"\x15\x03\x01\0\x02\x02\x28",
}
Network: TypeAlias = Callable[[], Detour]


@asynccontextmanager
async def greeting(words: bytes | None) -> AsyncGenerator[Detour]:
    """A listener that sends *words* to whoever comes; None for one that never says a word."""
    over = asyncio.Event()

    async def greets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if words is None:
            await over.wait()
        else:
            writer.write(words)
        writer.close()

    server = await asyncio.start_server(greets, "127.0.0.1", 0)
    async with server:
        yield Detour(server.sockets[0].getsockname()[1])
        over.set()


async def told(network: Detour, scheme: str, *, seconds: float = 20.0) -> str:
    async with GuardedFetcher(
        network=network, resolve=lambda _: ["8.8.8.8"], fetch_seconds=seconds
    ) as door:
        with pytest.raises(InputUnusable) as refused:
            await door.fetch(f"{scheme}://host.test/?token=secret", limit_bytes=100)
    assert type(refused.value) is InputUnusable
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("words", GREETINGS.values(), ids=GREETINGS.keys())
async def test_a_listener_that_speaks_something_else_is_told_as_nobody(
    words: bytes, scheme: str
) -> None:
    async with greeting(words) as network:
        assert await told(network, scheme) == NOTHING


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_listener_that_keeps_silent_is_told_as_nobody(scheme: str) -> None:
    async with greeting(None) as network:
        assert await told(network, scheme, seconds=0.1) == NOTHING


async def test_a_greeting_that_never_comes_leaves_no_socket_open() -> None:
    async with greeting(None) as network:
        await told(network, "https", seconds=0.1)
        gc.collect()
        gc.disable()
        try:
            before = len(os.listdir("/proc/self/fd"))  # counted, not walked
            for _ in range(3):
                await told(network, "https", seconds=0.1)
            ours = len(os.listdir("/proc/self/fd")) - before  # the same
        finally:
            gc.enable()
        assert ours <= 3  # the listener's own ends; ours would make them six


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_closed_port_is_told_as_nobody(scheme: str) -> None:
    assert await told(Detour(1), scheme) == NOTHING


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_filtered_port_is_told_as_nobody(scheme: str) -> None:
    assert await told(Silence(), scheme) == NOTHING


async def test_a_name_that_does_not_exist_is_told_as_nobody() -> None:
    def unknown(host: str) -> list[str]:
        raise OSError(host)

    async with GuardedFetcher(resolve=unknown) as door:
        with pytest.raises(InputUnusable) as refused:
            await door.fetch("http://host.test/", limit_bytes=100)
    assert str(refused.value) == NOTHING
