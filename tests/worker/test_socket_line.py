"""The way to a server elsewhere: what a worker makes of answers, silence and certificates."""

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from tests.support.certificates import self_signed

from darkroom.domain.errors import InvalidSetting, WorkerRefused
from darkroom.protocol.messages import Draining, ToWorker
from darkroom.worker.socket_line import SocketConnector, server_address

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    try:
        port: int = listening.sockets[0].getsockname()[1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        listening.close()


def saying(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    return serve


async def shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    key = head.lower().partition(b"sec-websocket-key: ")[0]
    asked = head[len(key) :].split(b"\r\n")[0].partition(b": ")[2]
    accept = base64.b64encode(hashlib.sha1(asked + _GUID).digest())  # noqa: S324  # as the RFC has it
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def way(url: str, silence: float = 60.0) -> SocketConnector:
    return SocketConnector(url, "a-token", silence_seconds=silence)


def nothing(*_heard: ToWorker) -> None:
    """Nobody looks."""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 22\r\n\r\n" + b'{"detail": "not this"}',
            "not this",
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "there is no darkroom at this"),
        (b"HTTP/1.1 426 Upgrade\r\nContent-Length: 0\r\n\r\n", "it answers HTTP 426"),
    ],
)
async def test_an_answer_that_no_repeat_will_change_is_final(answer: bytes, words: str) -> None:
    async with server(saying(answer)) as url:
        with pytest.raises(WorkerRefused, match=words):
            await way(url).connect(nothing, nothing)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"220 mail.example ESMTP\r\n",
        b"",
    ],
)
async def test_any_other_answer_may_change(answer: bytes) -> None:
    async with server(saying(answer)) as url:
        with pytest.raises(OSError):  # noqa: PT011  # whatever it is, but no WorkerRefused
            await way(url).connect(nothing, nothing)


def hang_up(listener: socket.socket) -> None:
    """Cut each connection the moment it stands, until nobody listens any more."""
    with contextlib.suppress(OSError):
        while True:
            listener.accept()[0].close()


def test_who_hangs_up_before_being_asked_may_answer_later() -> None:
    """On the loop that a worker runs on, where the line may be gone before it is used."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,), daemon=True)
        thread.start()
        connector = way(f"http://127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(20):
            with pytest.raises(OSError):  # noqa: PT011
                uvloop.run(connector.connect(nothing, nothing))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


async def test_where_nobody_listens_it_may_be_tried_again() -> None:
    async with server(saying(b"")) as url:
        pass
    with pytest.raises(OSError):  # noqa: PT011
        await way(url).connect(nothing, nothing)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "darkroom.example",
        "ftp://darkroom.example",
        "http://",
        "http://darkroom.example:99999",
        "http://darkroom.example:x",
        "http://darkroom..example",
        "http://[::1",
        "http://darkroom.example?a=b",
        "http://darkroom.example/#a",
    ],
)
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    with pytest.raises(InvalidSetting, match="server:"):
        way(url)


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidSetting, match="server: what is given is no address"):
        way("https://somebody:secret@darkroom.example")


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_an_address_may_be_that_of_the_api(end: str) -> None:
    assert server_address(f"https://darkroom.example:81/a{end}") == "https://darkroom.example:81/a"


@pytest.mark.parametrize("token", ["", " ", "dkr_a\r\nX-Y: z", "dkr_ä", "dkr_a b"])
def test_what_is_no_token_is_told_at_once(token: str) -> None:
    with pytest.raises(InvalidSetting, match="token:"):
        SocketConnector("http://darkroom.example", token, silence_seconds=60)


async def test_a_redirect_is_told_and_not_followed() -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))

    async with server(note) as other:
        place = f"{other}/api/workers".encode()
        head = b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % place
        async with server(saying(head)) as url:
            with pytest.raises(WorkerRefused, match=f"sends on to '{other}'; name that"):
                await way(url).connect(nothing, nothing)
    assert not asked


async def test_what_a_proxy_says_while_its_server_is_away_is_not_final() -> None:
    answers = [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    ]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if calls:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(calls.pop())
        else:
            await shake_hands(reader, writer)
            calls.extend(reversed(answers))

    calls: list[bytes] = []
    async with server(serve) as url:
        gone = asyncio.Event()
        here = way(url)
        await here.connect(nothing, gone.set)
        await gone.wait()
        with pytest.raises(ConnectionError, match="there is no darkroom"):
            await here.connect(nothing, nothing)
        with pytest.raises(WorkerRefused, match="HTTP 401"):
            await here.connect(nothing, nothing)


async def test_an_address_of_the_wrong_scheme_is_told(tmp_path: Path) -> None:
    async def stumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with server(stumble) as url:
        with pytest.raises(ConnectionError, match="begin with http://"):
            await way(url.replace("http", "https")).connect(nothing, nothing)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*self_signed(tmp_path))
    async with server(saying(b""), tls) as url:
        with pytest.raises(ConnectionError, match="begin with https://"):
            await way(url.replace("https", "http")).connect(nothing, nothing)


async def test_a_server_that_falls_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.worker.socket_line.GOODBYE_SECONDS", 0.05)
    gone = asyncio.Event()

    async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        await gone.wait()

    async with server(fall_silent) as url:
        line = await way(url, silence=0.15).connect(nothing, gone.set)
        line.send(Draining())
        await gone.wait()

        assert not line.open


async def test_a_certificate_that_nobody_vouches_for_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, secret = self_signed(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(shown, secret)
    async with server(saying(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"), tls) as url:
        with pytest.raises(
            ConnectionError, match=r"not trusted here .*name its file in SSL_CERT_F"
        ):
            await way(url).connect(nothing, nothing)

        monkeypatch.setenv("SSL_CERT_FILE", str(shown))
        with pytest.raises(ConnectionError, match="HTTP 502"):
            await way(url).connect(nothing, nothing)


async def test_the_path_of_an_address_is_kept() -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    async with server(note) as url:
        with pytest.raises(ConnectionError):
            await way(f"{url}/models/").connect(nothing, nothing)

    assert asked[0].startswith(b"GET /models/api/workers HTTP/1.1\r\n")
    assert b"Authorization: Bearer a-token\r\n" in asked[0]
