"""A connection over whole frames, such as a WebSocket's binary messages."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import structlog

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.batches import CONGESTED_BYTES, MAX_FRAME_BYTES, Batched, In

BACKLOG_BYTES = 128 * 2**20
"""As much may wait for a peer that takes slowly; then it is given up."""
GOODBYE_SECONDS = 5.0
ORDERLY = 1000
LATER = 1013
REFUSED = 4000
"""Codes that a connection is closed with: all is said; come again later; do not come as you are.

Source: RFC 6455, section 7.4; those from 4000 are an application's own.
"""
MISBEHAVED = 4001
_REASON_BYTES = 120  # a WebSocket carries 123


class CarrierGone(Exception):  # never leaves this module and the carriers
    """The peer or the network has ended the connection; `reason` is what it said, if anything."""

    def __init__(self, code: int | None, reason: str) -> None:
        """Keep both as the carrier knows them."""
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Carrier(Protocol):
    """What brings frames to a peer and back, one at a time each way."""

    async def send(self, frame: bytearray) -> None:
        """Send a frame, as soon as the peer has taken enough of those before.

        Raises:
            CarrierGone: the connection is gone.
        """
        ...

    async def receive(self) -> bytes:
        """The next frame.

        Raises:
            CarrierGone: the connection is gone.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Tell the peer that this is the end, and why."""
        ...


class FrameLink(Batched[In]):
    """A peer that sends messages of type *In* through a carrier.

    Args:
        receives: the union of messages the peer may send.
        carrier: stands already.
        limit_bytes: the longest frame taken from this peer.
        backlog_bytes: how much may wait to be sent.
        goodbye_seconds: how long the peer may take over the end of the connection.
    """

    def __init__(
        self,
        receives: object,
        carrier: Carrier,
        *,
        limit_bytes: int = MAX_FRAME_BYTES,
        backlog_bytes: int = BACKLOG_BYTES,
        goodbye_seconds: float = GOODBYE_SECONDS,
    ) -> None:
        super().__init__(receives, limit_bytes=limit_bytes)
        self._carrier = carrier
        self._most_backlog = backlog_bytes
        self._goodbye = goodbye_seconds
        self._frames: deque[bytearray] = deque()
        self._backlog = 0
        self._ending: tuple[int, str] | None = None
        self._something = asyncio.Event()
        self._over = asyncio.Event()
        self.close_code: int | None = None

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self._ending is None and not self._over.is_set()

    @property
    def congested(self) -> bool:
        """Whether more waits than leaves at once."""
        return self._backlog > CONGESTED_BYTES

    def close(self, code: int = ORDERLY, reason: str = "") -> None:
        """Send what is queued, tell the peer why this is the end, and close."""
        self._flush()
        if self._ending is None:
            self._ending = (code, _fitting(reason))
            self._something.set()
            self._loop.call_later(self._goodbye, self._over.set)

    async def run(self, received: Callable[[In], Awaitable[None]]) -> None:
        """Carry messages until the connection is gone, for whatever reason.

        Args:
            received: awaited with each message, in order; a `PeerMisbehaved` it raises ends the
                link and is told to the peer.
        """
        reading = asyncio.ensure_future(self._read(received))
        writing = asyncio.ensure_future(self._write())
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({reading, writing, over}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done() or reading.exception() is None:
                # Who misbehaved is told so: the end of reading alone ends nothing.
                await asyncio.wait({writing, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._over.set()
            for task in (reading, writing, over):
                task.cancel()
            ends = await asyncio.gather(reading, writing, over, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):  # a bug of whoever takes the messages
                raise end

    async def _read(self, received: Callable[[In], Awaitable[None]]) -> None:
        try:
            while True:
                for message in self._opened(await self._carrier.receive()):
                    await received(message)
        except CarrierGone as gone:
            self.close_code = gone.code
            self.fault = self.fault or gone.reason or None
            self._over.set()
        except (PeerMisbehaved, msgspec.DecodeError) as error:
            self.fault = str(error)
            self.close(MISBEHAVED, self.fault)

    def _opened(self, frame: bytes) -> list[In]:
        if len(frame) > self._limit:
            raise PeerMisbehaved(f"a frame of {len(frame)} bytes, {self._limit} are allowed")
        return self._decode(frame)

    async def _write(self) -> None:
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                while self._frames:
                    frame = self._frames.popleft()
                    await self._carrier.send(frame)
                    self._backlog -= len(frame)
                if self._ending is not None:
                    await self._carrier.close(*self._ending)
                    return
        except CarrierGone:
            await self._over.wait()  # what has come before is still read, and why it ended

    def _leave(self, frame: bytearray) -> None:
        if self._backlog and self._backlog + len(frame) > self._most_backlog:
            self.fault = f"it takes too slowly: {self._backlog} bytes wait"
            structlog.get_logger().warning("link.backlog", waiting_bytes=self._backlog)
            self._frames.clear()
            self._over.set()
            return
        self._backlog += len(frame)
        self._frames.append(frame)
        self._something.set()


def _fitting(reason: str) -> str:
    return reason.encode()[:_REASON_BYTES].decode(errors="ignore")
