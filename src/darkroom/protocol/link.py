"""One full-duplex connection that carries batches of messages.

All that is sent within one turn of the event loop leaves as one frame. Nothing here knows
what a message means.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar, cast

import msgspec

from darkroom.domain.errors import PeerMisbehaved

HEADER_BYTES = 4
MAX_FRAME_BYTES = 96 * 2**20  # one output file of 64 MiB and what travels beside it
BULK_BYTES = 8 * 2**20  # with more file data than this a frame leaves at once


In = TypeVar("In")


class Link(asyncio.Protocol, Generic[In]):
    """A peer that sends messages of type *In*.

    Args:
        receives: the union of messages the peer may send.
        received: called with each message, in order; a `PeerMisbehaved` it raises ends the link.
        closed: called once when the connection is gone, for whatever reason.
        limit_bytes: the longest frame taken from this peer.
    """

    def __init__(
        self,
        receives: object,
        *,
        received: Callable[[In], None],
        closed: Callable[[], None],
        limit_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self._decode = cast(
            "Callable[[bytes | memoryview], list[In]]",
            msgspec.msgpack.Decoder(type=list[receives]).decode,
        )
        self._encoder = msgspec.msgpack.Encoder()
        self._received = received
        self._closed = closed
        self._limit = limit_bytes
        self._buffer = bytearray()
        self._waiting: list[object] = []
        self._bulk = 0
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.fault: str | None = None

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: object, *, bulk_bytes: int = 0) -> None:
        """Queue *message*; it leaves with all others of this turn. Dropped once closed.

        Args:
            message: any message the peer takes.
            bulk_bytes: how much file data it carries, so that a frame never grows too long.
        """
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(message)
        self._bulk += bulk_bytes
        if self._bulk > BULK_BYTES:
            self._flush()

    def close(self) -> None:
        """Send what is queued, then close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._bulk = 0
        if waiting and self._transport is not None and not self._transport.is_closing():
            frame = bytearray(HEADER_BYTES)
            self._encoder.encode_into(waiting, frame, HEADER_BYTES)
            frame[:HEADER_BYTES] = (len(frame) - HEADER_BYTES).to_bytes(HEADER_BYTES)
            self._transport.write(frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Tell the owner, once."""
        self._transport = None
        self._closed()

    def data_received(self, data: bytes) -> None:
        """Take bytes; hand on every message that is whole."""
        self._buffer += data
        try:
            self._take()
        except (PeerMisbehaved, msgspec.DecodeError) as error:
            self.fault = str(error)
            if self._transport is not None:
                self._transport.abort()

    def _take(self) -> None:
        start, size = 0, len(self._buffer)
        with memoryview(self._buffer) as view:
            while size - start >= HEADER_BYTES:
                length = int.from_bytes(view[start : start + HEADER_BYTES])
                if length > self._limit:
                    raise PeerMisbehaved(f"a frame of {length} bytes, {self._limit} are allowed")
                end = start + HEADER_BYTES + length
                if end > size:
                    break
                with view[start + HEADER_BYTES : end] as body:
                    messages = self._decode(body)
                start = end
                for message in messages:
                    self._received(message)
        del self._buffer[:start]
