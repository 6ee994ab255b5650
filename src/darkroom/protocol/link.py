"""A connection over a stream of bytes, such as a Unix socket: each frame says how long it is."""

import asyncio
from collections.abc import Callable
from typing import ClassVar, cast

import msgspec

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.batches import CONGESTED_BYTES, MAX_FRAME_BYTES, Batched, In

HEADER_BYTES = 4


class Link(Batched[In], asyncio.Protocol):
    """A peer that sends messages of type *In*.

    Args:
        receives: the union of messages the peer may send.
        received: called with each message, in order; a `PeerMisbehaved` it raises ends the link.
        closed: called once when the connection is gone, for whatever reason.
        limit_bytes: the longest frame taken from this peer.
    """

    head_bytes: ClassVar[int] = HEADER_BYTES

    def __init__(
        self,
        receives: object,
        *,
        received: Callable[[In], None],
        closed: Callable[[], None],
        limit_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        super().__init__(receives, limit_bytes=limit_bytes)
        self._received = received
        self._closed = closed
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def congested(self) -> bool:
        """Whether more waits than leaves at once."""
        transport = self._transport
        return transport is not None and transport.get_write_buffer_size() > CONGESTED_BYTES

    def close(self) -> None:
        """Send what is queued, then close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _leave(self, frame: bytearray) -> None:
        if self._transport is not None:
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
