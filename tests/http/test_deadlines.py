"""A real uvicorn: heads that do not come, come byte by byte or are too long; bodies too slow."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from darkroom.http import reading
from darkroom.http.deadlines import PunctualProtocol
from darkroom.http.problems import MalformedRequest, from_error

_TURNS = 20  # of the loop, in which a server on the same one has read what was written
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"


class Hasty(PunctualProtocol):
    head_seconds = 0.1


class HastyForAnyLength(Hasty):
    head_bytes = 2**30


class _Web(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@dataclass
class Application:
    """Answers with the body it was sent, or before that; says whether it lay ready.

    It waits until it may.
    """

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may: asyncio.Event = field(default_factory=asyncio.Event)
    body_seconds: float = 30

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/early":
            await Response("early")(scope, receive, send)
            return
        arrived = str(scope.get(reading.ARRIVED))
        self.asked.set()
        await self.may.wait()
        try:
            data = await reading.body(Request(scope, receive), 2**21, seconds=self.body_seconds)
        except MalformedRequest as error:
            await from_error(error)(scope, receive, send)
        else:
            await Response(data, headers={"arrived": arrived})(scope, receive, send)


@dataclass(frozen=True)
class Talk:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[str, bytes]:
        """Head and body of an answer that tells its length."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        return head, await self.reader.readexactly(length)

    async def ended(self) -> bool:
        return await self.reader.read(1) == b""


@dataclass(frozen=True)
class Running:
    port: int
    app: Application
    talks: list[Talk]

    async def talk(self) -> Talk:
        talk = Talk(*await asyncio.open_connection("127.0.0.1", self.port))
        self.talks.append(talk)
        return talk


@asynccontextmanager
async def running(protocol: type[PunctualProtocol], app: Application) -> AsyncGenerator[Running]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,
    )
    server = _Web(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    made = Running(listener.getsockname()[1], app, [])
    try:
        yield made
    finally:
        app.may.set()
        for talk in made.talks:
            talk.writer.close()
        server.should_exit = True
        await serving


def ready() -> Application:
    app = Application()
    app.may.set()
    return app


async def test_a_client_that_says_nothing_is_hung_up_on() -> None:
    async with running(Hasty, ready()) as server:
        assert await (await server.talk()).ended()


async def test_a_client_that_says_a_byte_now_and_then_is_hung_up_on() -> None:
    async with running(HastyForAnyLength, ready()) as server:
        talk = await server.talk()
        talk.writer.write(b"GET / HTTP/1.1\r\nx: ")
        ending = asyncio.ensure_future(talk.ended())
        while not ending.done():
            talk.writer.write(b"a")
            await asyncio.sleep(0)
        # What was said after the end may have been answered with a reset.
        assert ending.exception() is not None or ending.result()


async def test_a_kept_connection_is_hung_up_on_in_the_middle_of_its_next_head() -> None:
    async with running(Hasty, ready()) as server:
        talk = await server.talk()
        talk.writer.write(HEAD % 0 + b"\r\n")
        assert (await talk.answer())[0].startswith("http/1.1 200")
        talk.writer.write(b"GET / HTT")
        assert await talk.ended()


async def test_a_request_that_is_being_worked_on_is_not() -> None:
    async with running(Hasty, Application()) as server:
        busy = await server.talk()
        busy.writer.write(HEAD % 1 + b"\r\nx")
        await server.app.asked.wait()
        assert await (await server.talk()).ended()  # came later, so the first one's time is over
        server.app.may.set()
        assert (await busy.answer())[1] == b"x"


def whole(size: int) -> list[bytes]:
    return [HEAD % 0 + b"x: " + b"a" * size + b"\r\n\r\n"]


def in_headers(size: int) -> list[bytes]:
    return [HEAD % 0 + (b"x: " + b"a" * 95 + b"\r\n") * (size // 100) + b"\r\n"]


def in_pieces(size: int) -> list[bytes]:
    return [HEAD % 0 + b"x: ", *[b"a" * 500 for _ in range(size // 500)], b"\r\n\r\n"]


async def write(talk: Talk, pieces: list[bytes]) -> None:
    for piece in pieces:
        talk.writer.write(piece)
        for _ in range(_TURNS):
            await asyncio.sleep(0)


@pytest.mark.parametrize("spelled", [whole, in_headers, in_pieces])
async def test_heads_of_some_length_are_taken_one_after_the_other(
    spelled: Callable[[int], list[bytes]],
) -> None:
    async with running(PunctualProtocol, ready()) as server:
        talk = await server.talk()
        for _ in range(3):
            await write(talk, spelled(15_000))
            assert (await talk.answer())[0].startswith("http/1.1 200")


@pytest.mark.parametrize("pieces", [whole(18_000), in_headers(18_000), in_pieces(16_500)[:-1]])
async def test_a_head_that_is_too_long_is_refused(pieces: list[bytes]) -> None:
    async with running(PunctualProtocol, ready()) as server:
        talk = await server.talk()
        await write(talk, pieces)
        assert (await talk.answer())[0].startswith("http/1.1 431")
        assert await talk.ended()


async def test_what_is_no_http_is_still_a_bad_request() -> None:
    async with running(PunctualProtocol, ready()) as server:
        talk = await server.talk()
        talk.writer.write(b"hello\r\n\r\n")
        assert (await talk.answer())[0].startswith("http/1.1 400")


async def test_a_long_body_is_no_long_head() -> None:
    async with running(PunctualProtocol, ready()) as server:
        talk = await server.talk()
        for _ in range(2):
            talk.writer.write(HEAD % 2**20 + b"\r\n" + bytes(2**20))
            head, body = await talk.answer()
            assert (head[:12], body == bytes(2**20)) == ("http/1.1 200", True)


async def test_a_head_that_begins_behind_a_long_body_is_no_long_head() -> None:
    async with running(PunctualProtocol, ready()) as server:
        talk = await server.talk()
        talk.writer.write(HEAD % 20_000 + b"\r\n" + bytes(20_000) + HEAD % 1)
        assert (await talk.answer())[1] == bytes(20_000)
        talk.writer.write(b"\r\nx")
        assert (await talk.answer())[1] == b"x"


@pytest.mark.parametrize("rest", [b"b", b"bcde", b"bcde\r\n"])
async def test_what_comes_after_an_answer_keeps_no_connection_open(rest: bytes) -> None:
    async with running(Hasty, ready()) as server:
        talk = await server.talk()
        talk.writer.write(b"GET /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na")
        assert (await talk.answer())[1] == b"early"
        talk.writer.write(rest)
        assert await talk.ended()


async def test_a_body_that_does_not_come_is_told_and_not_waited_for() -> None:
    app = ready()
    app.body_seconds = 0.05
    async with running(PunctualProtocol, app) as server:
        talk = await server.talk()
        talk.writer.write(HEAD % 5 + b"\r\nab")
        head, body = await talk.answer()
        assert head.startswith("http/1.1 408")
        assert "connection: close" in head
        assert b"took too long to arrive" in body
        assert await talk.ended()


async def test_a_body_that_lies_ready_is_read_without_a_clock() -> None:
    async with running(PunctualProtocol, ready()) as server:
        talk = await server.talk()
        talk.writer.write(HEAD % 2 + b"\r\nab")
        at_once = await talk.answer()
        server.app.asked.clear()
        talk.writer.write(HEAD % 2 + b"\r\n")
        await server.app.asked.wait()
        talk.writer.write(b"ab")
        later = await talk.answer()

        assert (at_once[1], later[1]) == (b"ab", b"ab")
        assert "arrived: true" in at_once[0]
        assert "arrived: none" in later[0]
