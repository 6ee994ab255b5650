"""What every connection does with messages, whatever carries them: gather, encode, decode.

All that is sent within one turn of the event loop leaves as one frame. Nothing here knows
what a message means.
"""

import asyncio
from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar, cast

import msgspec

MAX_FRAME_BYTES = 96 * 2**20  # one output file of 64 MiB and what travels beside it
BULK_BYTES = 8 * 2**20  # with more file data than this a frame leaves at once
CONGESTED_BYTES = 64 * 2**10  # two previews, or what a slow line takes in half a second

In = TypeVar("In")


class Batched(Generic[In]):
    """One side of a connection whose peer sends messages of type *In*; made in its event loop.

    Args:
        receives: the union of messages the peer may send.
        limit_bytes: the longest frame taken from this peer.
    """

    head_bytes: ClassVar[int] = 0
    """What the carrier puts before each frame."""

    def __init__(self, receives: object, *, limit_bytes: int) -> None:
        self._decode = cast(
            "Callable[[bytes | memoryview], list[In]]",
            msgspec.msgpack.Decoder(type=list[receives]).decode,
        )
        self._encoder = msgspec.msgpack.Encoder()
        self._limit = limit_bytes
        self._waiting: list[object] = []
        self._bulk = 0
        self._loop = asyncio.get_running_loop()
        self.fault: str | None = None

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        raise NotImplementedError

    @property
    def congested(self) -> bool:
        """Whether the peer takes so slowly that what may get lost had better not be sent."""
        raise NotImplementedError

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

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._bulk = 0
        if waiting and self.open:
            frame = bytearray(self.head_bytes)
            self._encoder.encode_into(waiting, frame, self.head_bytes)
            self._leave(frame)

    def _leave(self, frame: bytearray) -> None:
        """Send *frame*, whose first `head_bytes` are still empty."""
        raise NotImplementedError
