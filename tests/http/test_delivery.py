"""A real uvicorn tells whether an answer reached its client, on both kinds of event loop."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from tests.http.test_deadlines import Application, Running, Talk, running

from darkroom.http.deadlines import PunctualProtocol
from darkroom.http.delivery import CONNECTION, connection

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


@dataclass
class Owed:
    """An answer that somebody waits for."""

    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def lose(self) -> None:
        self.lost.set()


@dataclass
class Watching(Application):
    """Watches over each of its answers, with `each` things that are answered by it."""

    each: int = 1
    size: int = 2
    owed: list[Owed] = field(default_factory=list[Owed])
    gone: list[bool] = field(default_factory=list[bool])
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        channel = connection(Request(scope))
        assert channel is not None
        for _ in range(self.each):
            self.owed.append(Owed())
            channel.watch(self.owed[-1])
        self.asked.set()
        await self.may.wait()
        self.gone.append(channel.peer_gone())
        await Response(b"x" * self.size)(scope, receive, send)
        self.ended.set()


def both_loops(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test on asyncio's own loop and on the one that serves."""
    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_limited(test))


async def _limited(test: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(20):
        await test()


async def asking(server: Running, app: Watching, request: bytes = GET) -> Talk:
    talk = await server.talk()
    app.asked.clear()
    talk.writer.write(request)
    await app.asked.wait()
    return talk


def reset(talk: Talk) -> None:
    sock = talk.writer.get_extra_info("socket")
    with sock.dup() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    talk.writer.transport.abort()


async def closes_before() -> None:
    app = Watching()
    async with running(PunctualProtocol, app) as server:
        talk = await asking(server, app)
        talk.writer.close()
        await app.owed[0].lost.wait()


async def resets_before() -> None:
    app = Watching(each=2)
    async with running(PunctualProtocol, app) as server:
        reset(await asking(server, app))
        for owed in app.owed:
            await owed.lost.wait()


async def half_closes_before() -> None:
    app = Watching()
    async with running(PunctualProtocol, app) as server:
        talk = await asking(server, app)
        talk.writer.write_eof()
        await app.owed[0].lost.wait()


async def leaves_unheard() -> None:
    app = Watching()
    async with running(PunctualProtocol, app) as server:
        talk = await asking(server, app)
        # The end is there, but the loop has not come round to it when the answer is made.
        with talk.writer.get_extra_info("socket").dup() as own:
            own.shutdown(socket.SHUT_RDWR)
        app.may.set()
        await app.ended.wait()
        assert app.gone == [True]


async def closes_without_reading() -> None:
    app = Watching()
    app.may.set()
    async with running(PunctualProtocol, app) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(GET)
            await app.ended.wait()
            await asyncio.to_thread(raw.recv, 1, socket.MSG_PEEK)
        await app.owed[0].lost.wait()


async def closes_the_last_without_reading() -> None:
    app = Watching()
    app.may.set()
    async with running(PunctualProtocol, app) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(LAST)
            await app.ended.wait()
            await asyncio.to_thread(raw.recv, 1, socket.MSG_PEEK)
        await app.owed[0].lost.wait()


async def reads_half_of_a_long_answer() -> None:
    app = Watching(size=20 * 2**20)
    app.may.set()
    async with running(PunctualProtocol, app) as server:
        talk = await asking(server, app)
        await talk.reader.readexactly(100_000)
        talk.writer.transport.abort()
        await app.owed[0].lost.wait()


async def reads_and_closes() -> None:
    app = Watching()
    app.may.set()
    async with running(PunctualProtocol, app) as server:
        for request in (GET, LAST):
            talk = await asking(server, app, request)
            await talk.answer()
            talk.writer.close()
            await talk.writer.wait_closed()
    assert app.gone == [False, False]
    assert not any(owed.lost.is_set() for owed in app.owed)


async def goes_on_and_then_resets() -> None:
    app = Watching()
    app.may.set()
    async with running(PunctualProtocol, app) as server:
        talk = await asking(server, app)
        await talk.answer()
        app.may.clear()
        app.asked.clear()
        talk.writer.write(GET)
        await app.asked.wait()
        reset(talk)
        await app.owed[1].lost.wait()
        assert not app.owed[0].lost.is_set()


async def stays_when_it_was_told_to_close() -> None:
    app = Watching()
    app.may.set()
    parted = asyncio.Event()

    class Impatient(PunctualProtocol):
        linger_seconds = 0.05

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            parted.set()

    async with running(Impatient, app) as server:
        talk = await asking(server, app, LAST + GET)
        await talk.answer()
        assert await talk.ended()
        talk.writer.write(GET)
        await parted.wait()
    assert len(app.owed) == 1
    assert not app.owed[0].lost.is_set()


LOST = [
    closes_before,
    resets_before,
    half_closes_before,
    leaves_unheard,
    closes_without_reading,
    closes_the_last_without_reading,
    reads_half_of_a_long_answer,
]


@pytest.mark.parametrize("leaving", LOST, ids=lambda one: one.__name__)
def test_an_answer_is_lost_on_a_client_that(leaving: Callable[[], Awaitable[None]]) -> None:
    both_loops(leaving)


@pytest.mark.parametrize(
    "staying",
    [reads_and_closes, goes_on_and_then_resets, stays_when_it_was_told_to_close],
    ids=lambda one: one.__name__,
)
def test_an_answer_has_reached_a_client_that(staying: Callable[[], Awaitable[None]]) -> None:
    both_loops(staying)


def test_where_nobody_watches_there_is_no_connection() -> None:
    assert connection(Request({"type": "http"})) is None
    assert connection(Request({"type": "http", CONNECTION: None})) is None
