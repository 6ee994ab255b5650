"""The workers' door: the server's half of the worker protocol, on a Unix socket.

The command line comes through the same door with its questions. Whoever may open the socket
file is the operator; nothing else proves it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import assert_never

import structlog

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.link import Link
from darkroom.protocol.messages import (
    OLDEST_PROTOCOL,
    PROTOCOL,
    Answer,
    Ask,
    Beat,
    Draining,
    Hello,
    Preview,
    Told,
    ToServer,
    Wants,
    Welcome,
)
from darkroom.service.dispatch import Dispatcher
from darkroom.service.seats import Seat

_log = structlog.get_logger()
FRAME_BYTES = 64 * 2**20
BEATS_PER_SILENCE = 7
"""So the third beat, which hands a lost job back, comes within five seconds of ten."""
_OWNER_ONLY = 0o600


class WorkerDoor:
    """Lets workers and the command line in.

    Args:
        dispatcher: seats workers.
        reply: answers a question of the command line.
        silence_seconds: after which a worker is given up; it is asked to beat seven times as often.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        reply: Callable[[Ask], Awaitable[Answer]],
        *,
        silence_seconds: float,
    ) -> None:
        self._dispatcher = dispatcher
        self._reply = reply
        self._beat_seconds = silence_seconds / BEATS_PER_SILENCE
        self._answering: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    async def open(self, path: Path) -> None:
        """Listen at *path*; a socket left there by a dead server is removed first."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._visitor, sock=_bound(path))
        self._path = path

    async def close(self) -> None:
        """Let nobody in any more; links that are open stay so."""
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        await asyncio.gather(*self._answering)

    def _visitor(self) -> Link[ToServer]:
        visit = _Visit(self._dispatcher, self._beat_seconds, self._ask)
        link = Link[ToServer](
            ToServer, received=visit.received, closed=visit.left, limit_bytes=FRAME_BYTES
        )
        visit.link = link
        return link

    def _ask(self, link: Link[ToServer], question: Ask) -> None:
        async def answer() -> None:
            link.send(await self._reply(question))

        task = asyncio.ensure_future(answer())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(_OWNER_ONLY)
    return listener


class _Visit:
    """One connection, from hello to its end."""

    link: Link[ToServer]

    def __init__(
        self,
        dispatcher: Dispatcher,
        beat_seconds: float,
        ask: Callable[[Link[ToServer], Ask], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._beat_seconds = beat_seconds
        self._ask = ask
        self._seat: Seat | None = None

    def received(self, message: ToServer) -> None:
        if isinstance(message, Hello):
            self._hello(message)
        elif isinstance(message, Ask):
            self._ask(self.link, message)
        else:
            heed(self._dispatcher, self._seat, message)

    def left(self) -> None:
        if self.link.fault:
            _log.warning("worker.misbehaved", fault=self.link.fault)
        if self._seat is not None:
            self._dispatcher.leave(self._seat)

    def _hello(self, hello: Hello) -> None:
        if self._seat is not None:
            raise PeerMisbehaved(f"worker {hello.worker} said hello twice")
        spoken = protocol_with(hello)
        self.link.send(Welcome(spoken, self._beat_seconds))
        self._seat = self._dispatcher.join(hello, self.link.send, self.link.close)


def protocol_with(hello: Hello, oldest: int = OLDEST_PROTOCOL) -> int:
    """The newest protocol that a worker and this server both speak, *oldest* or later.

    Raises:
        PeerMisbehaved: there is none.
    """
    spoken = min(hello.protocol, PROTOCOL)
    if spoken < max(hello.oldest, oldest):
        raise PeerMisbehaved(
            f"the worker speaks protocols {hello.oldest} to {hello.protocol}, this server "
            f"{oldest} to {PROTOCOL}; bring both to the same release"
        )
    return spoken


def heed(
    dispatcher: Dispatcher, seat: Seat | None, message: Told | Beat | Wants | Draining | Preview
) -> None:
    """Do what a message of a seated worker asks for.

    Raises:
        PeerMisbehaved: it makes no sense, or its sender is not seated.
    """
    if seat is None:
        raise PeerMisbehaved("a worker spoke before its hello")
    match message:
        case Told():
            dispatcher.told(seat, message)
        case Beat():
            dispatcher.beat(seat, message)
        case Wants():
            dispatcher.wants(seat, message)
        case Draining():
            dispatcher.draining(seat)
        case Preview():
            dispatcher.previews.show(seat, message)
        case _:
            assert_never(message)
