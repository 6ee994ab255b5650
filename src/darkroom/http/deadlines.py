"""uvicorn's parser with an absolute deadline and a limit for a request's head.

uvicorn itself waits for ever for a client that sends nothing, or a byte now and then, and
gathers a head of any length.
"""

import asyncio
from typing import ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from darkroom.http.reading import ARRIVED

_TOO_LONG = b"The head of the request is too long."


class _HeadTooLong(Exception):  # not one of ours: the parser swallows it
    """Ends the parsing of a head."""


class PunctualProtocol(HttpToolsProtocol):
    """Ends a connection whose request head is not complete in time, or longer than allowed.

    A head that is too long is answered with 431. The same clock runs for bytes that come after
    an answer without beginning a request, such as the rest of a body that nobody wants any more.
    It also marks the scope of a request whose body is complete, see `reading.ARRIVED`.
    """

    head_seconds: ClassVar[float] = 10.0
    head_bytes: ClassVar[int] = 16 * 1024
    _owed_since: float | None = None  # when we began to wait for what the client has to send
    _in_head = True
    _head_size = 0
    _heads = 0
    _too_long = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start the clock: the first head is due."""
        super().connection_made(transport)
        self._owed_since = self.loop.time()
        self.loop.call_later(self.head_seconds, self._look)

    def data_received(self, data: bytes) -> None:
        """Parse; what has come of a head that goes on is counted."""
        heads = self._heads
        super().data_received(data)
        if self._owed_since is None:
            if self.cycle.response_complete:  # and uvicorn's clock for idle connections stopped
                self._owed_since = self.loop.time()
        elif self._in_head and heads == self._heads:
            # The bytes in which a head begins may hold much of what was before: not counted.
            self._head_size += len(data)
            if self._head_size > self.head_bytes and not self.transport.is_closing():
                self._refuse()

    def on_message_begin(self) -> None:
        """A next request has begun on a kept connection."""
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
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there too."""
        self.scope[ARRIVED] = True  # pyright: ignore[reportGeneralTypeIssues]  # a key of ours
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say what the parser stumbled over; uvicorn's way, except for a head too long."""
        if self._too_long:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:  # else it would break into an answer
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                b"content-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG)
            )
        self.transport.close()

    def _look(self) -> None:
        # One timer a connection, not one a request: between requests nothing is owed.
        if self.transport.is_closing():
            return
        since = self._owed_since
        now = self.loop.time()
        if since is not None and now - since >= self.head_seconds:
            self.transport.close()
            return
        due = self.head_seconds if since is None else since + self.head_seconds - now
        self.loop.call_later(due, self._look)


def _size(header: tuple[bytes, bytes]) -> int:
    name, value = header
    return len(name) + len(value)
