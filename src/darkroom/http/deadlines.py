"""uvicorn's parser with an absolute deadline and a limit for a request's head.

uvicorn itself waits for ever for a client that sends nothing, or a byte now and then, and
gathers a head of any length.
"""

import asyncio
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from darkroom.http.delivery import CONNECTION, Losable
from darkroom.http.reading import ARRIVED

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

SOCKETS = b"/api/workers"
_TOO_LONG = b"The head of the request is too long."
_NO_HANDSHAKE = b"This head asks for a WebSocket in a way that cannot be read."
_PEER_ENDED = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class _HeadTooLong(Exception):  # not one of ours: the parser swallows it
    """Ends the parsing of a head."""


class PunctualProtocol(HttpToolsProtocol):
    """Ends a connection whose request head is not complete in time, or longer than allowed.

    A head that is too long is answered with 431. The same clock runs for bytes that come after
    an answer without beginning a request, such as the rest of a body that nobody wants any more.
    It also marks the scope of a request whose body is complete, see `reading.ARRIVED`, and puts
    itself there: it satisfies `delivery.Connection`.
    """

    head_seconds: ClassVar[float] = 10.0
    head_bytes: ClassVar[int] = 16 * 1024
    linger_seconds: ClassVar[float] = 2.0
    _owed_since: float | None = None  # when we began to wait for what the client has to send
    _in_head = True
    _head_size = 0
    _heads = 0
    _too_long = False
    _upgraded = False
    _watched: Losable | None = None
    _lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start the clock: the first head is due."""
        super().connection_made(transport)
        self._owed_since = self.loop.time()
        self.loop.call_later(self.head_seconds, self._look)

    def data_received(self, data: bytes) -> None:
        """Parse; what has come of a head that goes on is counted."""
        if self._lingers:
            return
        heads = self._heads
        super().data_received(data)
        if self._upgraded:
            return
        if self._owed_since is None:
            if self.cycle.response_complete:  # and uvicorn's clock for idle connections stopped
                self._owed_since = self.loop.time()
        elif self._in_head and heads == self._heads:
            # The bytes in which a head begins may hold much of what was before: not counted.
            self._head_size += len(data)
            if self._head_size > self.head_bytes and not self.transport.is_closing():
                self._refuse()

    def watch(self, answered: Losable) -> None:
        """Tell *answered* if its answer gets lost, until the client sends a next request."""
        self._watched = answered if self._watched is None else _Both(self._watched, answered)

    def peer_gone(self) -> bool:
        """Whether the client has closed its end, also if that was not heard yet."""
        if self.transport.is_closing():
            return True
        asked = select.poll()
        asked.register(self._socket().fileno(), select.POLLRDHUP)
        return any(events & _PEER_ENDED for _, events in asked.poll(0))

    def eof_received(self) -> None:
        """The client has closed its end; uvicorn then closes ours, whatever is still to be said."""
        if self._watched is not None and (self._unanswered() or self._unacknowledged()):
            self._watched.lose()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; after an error nobody knows what has got through."""
        if self._watched is not None and (exc is not None or self._unanswered()):
            self._watched.lose()
        super().connection_lost(exc)

    def part(self) -> None:
        """Close after the last answer; if somebody watches over it, wait for the client's end.

        Who closes first never hears that the client had gone before the answer came.
        """
        if self._watched is None or not self.transport.can_write_eof():
            self.transport.close()
        elif not self._lingers:
            self._lingers = True
            self.pipeline.clear()
            self.transport.write_eof()
            self.loop.call_later(self.linger_seconds, self.transport.close)

    def _unanswered(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _unacknowledged(self) -> bool:
        """Whether the client closed its end before it had all we sent. Source: tcp(7), SIOCOUTQ."""
        with self._socket().dup() as asked:
            if asked.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return True
            (waiting,) = struct.unpack("i", fcntl.ioctl(asked, termios.TIOCOUTQ, bytes(4)))
            return waiting > int(self._lingers)  # our own end counts as a byte

    def _socket(self) -> socket.socket:
        return cast("socket.socket", self.transport.get_extra_info("socket"))

    def on_message_begin(self) -> None:
        """A next request has begun on a kept connection."""
        if self._watched is not None and not self._unanswered():
            self._watched = None  # who goes on has got its answer
        self._owed_since = self.loop.time()
        self._in_head = True
        self._head_size = 0
        self._heads += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        if len(self.url) + sum(map(_size, self.headers)) > self.head_bytes:
            self._too_long = True
            raise _HeadTooLong
        self._owed_since = None
        self._in_head = False
        self.scope[CONNECTION] = self  # pyright: ignore[reportGeneralTypeIssues]  # a key of ours
        super().on_headers_complete()
        if "path" not in self.scope:  # uvicorn has not made it a request: it is an upgrade
            return
        if not self.cycle.keep_alive:
            self.cycle.transport = cast("asyncio.Transport", _Lingering(self.transport, self.part))

    def on_message_complete(self) -> None:
        """The body is there too."""
        self.scope[ARRIVED] = True  # pyright: ignore[reportGeneralTypeIssues]  # a key of ours
        super().on_message_complete()

    def _should_upgrade(self) -> bool:
        """Only the workers' door takes WebSockets; elsewhere the wish to change is ignored."""
        return self.url.partition(b"?")[0] == SOCKETS and super()._should_upgrade()

    def handle_websocket_upgrade(self) -> None:
        """From here on the connection belongs to another protocol: nothing is owed any more."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Say what the parser stumbled over; uvicorn's way, except for a head too long."""
        if self._too_long:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:  # else it would break into an answer
            self.transport.write(_refusal(b"431 Request Header Fields Too Large", _TOO_LONG))
        self.transport.close()

    def _look(self) -> None:
        # One timer a connection, not one a request: between requests nothing is owed.
        if self._upgraded or self.transport.is_closing():
            return
        since = self._owed_since
        now = self.loop.time()
        if since is not None and now - since >= self.head_seconds:
            self.transport.close()
            return
        due = self.head_seconds if since is None else since + self.head_seconds - now
        self.loop.call_later(due, self._look)


class PunctualSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, cut when its peer does not answer, whatever still waits for that."""

    def data_received(self, data: bytes) -> None:
        """Parse; a head that the library cannot read is refused, which uvicorn leaves open."""
        super().data_received(data)
        # It is handed over whole, so what has not begun with it will never begin.
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_refusal(b"400 Bad Request", _NO_HANDSHAKE))
            self.transport.close()

    async def send(self, message: "ASGISendEvent") -> None:
        """Send; a refusal is a whole answer, after which uvicorn would still miss a handshake."""
        await super().send(message)
        if self.close_sent:
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        """A ping was not answered in time."""
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        """The application is done; the peer has a while to take what is still to be said."""
        super().on_task_complete(task)
        self.loop.call_later(self.close_timeout, self.transport.abort)


class _Lingering:
    """A transport as one last answer needs it, closed in our own way."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class _Both:
    """Two answers that one connection owes."""

    def __init__(self, first: Losable, second: Losable) -> None:
        self._each = (first, second)

    def lose(self) -> None:
        for one in self._each:
            one.lose()


def _refusal(status: bytes, words: bytes) -> bytes:
    return (
        b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\n"
        b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (status, len(words), words)
    )


def _size(header: tuple[bytes, bytes]) -> int:
    name, value = header
    return len(name) + len(value)
