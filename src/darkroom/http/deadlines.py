"""uvicorn's parser with an absolute deadline for a request's head.

uvicorn itself waits for ever for a client that sends nothing, or a byte now and then.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0


class PunctualProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is not complete within ten seconds."""

    _head_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start the clock: the first head is due."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self.loop.call_later(HEAD_SECONDS, self._look)

    def on_message_begin(self) -> None:
        """A next request has begun on a kept connection."""
        self._head_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_since = None
        super().on_headers_complete()

    def _look(self) -> None:
        # One timer a connection, not one a request: between requests there is no head to wait for.
        if self.transport.is_closing():
            return
        since = self._head_since
        now = self.loop.time()
        if since is not None and now - since >= HEAD_SECONDS:
            self.transport.close()
            return
        due = HEAD_SECONDS if since is None else since + HEAD_SECONDS - now
        self.loop.call_later(due, self._look)
