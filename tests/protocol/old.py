"""A peer that knows protocol 1 alone: no later message, and no later field of one."""

import json
from pathlib import Path
from typing import Generic, cast

import msgspec

from darkroom.protocol.batches import In
from darkroom.protocol.link import HEADER_BYTES, Link

GOLDEN = Path(__file__).parents[1] / "golden" / "protocol_1.json"


def golden() -> dict[str, bytes]:
    """Each message of protocol 1 as the release that had no other encoded it."""
    texts = cast("dict[str, str]", json.loads(GOLDEN.read_text()))
    return {name: bytes.fromhex(text) for name, text in texts.items()}


def lengths() -> dict[str, int]:
    """How many fields each message has in protocol 1, its name among them."""
    return {name: len(_read(body)) for name, body in golden().items()}


def _read(body: bytes) -> list[object]:
    return cast("list[object]", msgspec.msgpack.decode(body))


def as_protocol_1(frame: bytes) -> bytes:
    """A frame without what protocol 1 does not have."""
    known = lengths()
    messages = cast("list[list[object]]", msgspec.msgpack.decode(frame))
    for message in messages:
        assert message[0] in known, f"{message[0]} is no message of protocol 1"
    return msgspec.msgpack.encode([one[: known[cast("str", one[0])]] for one in messages])


class OldLink(Link[In], Generic[In]):
    """Speaks and hears protocol 1."""

    def data_received(self, data: bytes) -> None:
        """Frames of tests come whole."""
        whole = bytes(self._buffer + data)
        self._buffer.clear()
        heard = b""
        while whole:
            end = HEADER_BYTES + int.from_bytes(whole[:HEADER_BYTES])
            body = as_protocol_1(whole[HEADER_BYTES:end])
            heard += len(body).to_bytes(HEADER_BYTES) + body
            whole = whole[end:]
        super().data_received(heard)

    def _leave(self, frame: bytearray) -> None:
        body = as_protocol_1(bytes(frame[HEADER_BYTES:]))
        super()._leave(bytearray(HEADER_BYTES) + body)
