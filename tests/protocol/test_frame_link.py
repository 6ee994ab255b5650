"""Messages through a carrier of frames: in order, in batches, and never more than may wait."""

import asyncio

import pytest

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.batches import BULK_BYTES, CONGESTED_BYTES
from darkroom.protocol.frame_link import (
    LATER,
    MISBEHAVED,
    ORDERLY,
    REFUSED,
    Carrier,
    CarrierGone,
    FrameLink,
)
from darkroom.protocol.messages import FromHost, Logged, Output


class Memory(Carrier):
    """Keeps what is sent, gives what is put in, and stalls while it is told to."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.coming: asyncio.Queue[bytes | CarrierGone] = asyncio.Queue()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.closed: tuple[int, str] | None = None

    async def send(self, frame: bytearray) -> None:
        await self.flowing.wait()
        self.frames.append(bytes(frame))

    async def receive(self) -> bytes:
        found = await self.coming.get()
        if isinstance(found, CarrierGone):
            raise found
        return found

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def link_on(carrier: Carrier, **limits: int | float) -> FrameLink[FromHost]:
    return FrameLink(
        FromHost,
        carrier,
        limit_bytes=int(limits.get("limit_bytes", 10_000)),
        backlog_bytes=int(limits.get("backlog_bytes", 10_000)),
        goodbye_seconds=limits.get("goodbye_seconds", 60.0),
    )


async def carried(link: FrameLink[FromHost]) -> list[FromHost]:
    """What comes until the link has ended."""
    heard: list[FromHost] = []

    async def take(message: FromHost) -> None:
        heard.append(message)

    await link.run(take)
    return heard


async def test_what_is_sent_before_a_close_leaves_in_order_and_in_one_frame() -> None:
    there = Memory()
    link = link_on(there)
    sent = [Logged("p1", number, "text") for number in range(100)]
    for message in sent:
        link.send(message)
    link.close(LATER, "until then")
    await carried(link)

    other = Memory()
    other.coming.put_nowait(there.frames[0])
    other.coming.put_nowait(CarrierGone(*there.closed or (0, "")))
    heard = link_on(other)
    assert await carried(heard) == sent
    assert len(there.frames) == 1
    assert (heard.close_code, heard.fault) == (LATER, "until then")


async def test_files_sent_in_one_turn_leave_in_frames_that_do_not_grow_too_long() -> None:
    there = Memory()
    link = link_on(there, backlog_bytes=100 * BULK_BYTES)
    for number in range(8):
        data = bytes(BULK_BYTES // 2)
        link.send(Output("p1", 1, number, "", "", data, None), bulk_bytes=len(data))
    link.close()
    await carried(link)

    assert len(there.frames) == 3
    assert max(map(len, there.frames)) < 2 * BULK_BYTES


async def test_a_frame_longer_than_the_limit_ends_the_link_and_its_peer_is_told() -> None:
    there = Memory()
    there.coming.put_nowait(bytes(101))
    link = link_on(there, limit_bytes=100)
    await carried(link)

    assert link.fault == "a frame of 101 bytes, 100 are allowed"
    assert there.closed == (MISBEHAVED, link.fault)
    assert not link.open


async def test_bytes_that_are_no_messages_end_the_link() -> None:
    there = Memory()
    there.coming.put_nowait(b"\x00")
    link = link_on(there)
    await carried(link)

    assert there.closed is not None
    assert there.closed[0] == MISBEHAVED


async def test_a_message_that_is_refused_ends_the_link_before_the_next_is_heard() -> None:
    there, heard = Memory(), list[FromHost]()
    sender = link_on(first := Memory())
    for attempt in range(3):
        sender.send(Logged("p1", attempt, ""))
    sender.close()
    await carried(sender)
    there.coming.put_nowait(first.frames[0])
    link = link_on(there)

    async def take(message: FromHost) -> None:
        heard.append(message)
        raise PeerMisbehaved("not that")

    await link.run(take)

    assert len(heard) == 1
    assert there.closed == (MISBEHAVED, "not that")


async def test_a_peer_that_takes_nothing_is_given_up_before_too_much_waits() -> None:
    there = Memory()
    there.flowing.clear()
    link = link_on(there, backlog_bytes=1000)
    running = asyncio.create_task(carried(link))
    while link.open:
        link.send(Logged("p1", 1, "x" * 100))
        await asyncio.sleep(0)
    await running

    assert "it takes too slowly" in (link.fault or "")
    assert there.frames == []


async def test_a_peer_that_takes_nothing_congests_the_link_until_it_does() -> None:
    there = Memory()
    there.flowing.clear()
    link = link_on(there, backlog_bytes=10 * CONGESTED_BYTES)
    running = asyncio.create_task(carried(link))
    link.send(Logged("p1", 1, "x"))
    await asyncio.sleep(0)
    assert not link.congested
    link.send(Logged("p1", 1, "x" * CONGESTED_BYTES))
    await asyncio.sleep(0)
    assert link.congested
    there.flowing.set()
    link.close()
    await running
    assert not link.congested


async def test_one_frame_may_be_longer_than_what_may_wait() -> None:
    there = Memory()
    link = link_on(there, backlog_bytes=10)
    link.send(Logged("p1", 1, "x" * 100))
    link.close()
    await carried(link)

    assert len(there.frames) == 1
    assert there.closed == (ORDERLY, "")


async def test_a_peer_that_takes_nothing_cannot_hold_up_the_end() -> None:
    there = Memory()
    there.flowing.clear()
    link = link_on(there, goodbye_seconds=0.01)
    link.send(Logged("p1", 1, "x"))
    link.close()
    await carried(link)

    assert there.closed is None


class Deaf(Memory):
    """Takes nothing any more, and still has something to say."""

    async def send(self, frame: bytearray) -> None:
        raise CarrierGone(None, f"{len(frame)} bytes too late")


async def test_what_a_peer_said_before_its_end_is_heard_although_it_takes_nothing_more() -> None:
    sender = link_on(first := Memory())
    sender.send(Logged("p1", 1, "last"))
    sender.close()
    await carried(sender)
    link = link_on(there := Deaf())
    link.send(Logged("p1", 1, "x"))
    running = asyncio.create_task(carried(link))
    for _ in range(5):
        await asyncio.sleep(0)
    there.coming.put_nowait(first.frames[0])
    there.coming.put_nowait(CarrierGone(REFUSED, "go"))

    assert await running == [Logged("p1", 1, "last")]
    assert (link.close_code, link.fault) == (REFUSED, "go")


async def test_a_bug_of_whoever_takes_the_messages_is_not_swallowed() -> None:
    sender = link_on(first := Memory())
    sender.send(Logged("p1", 1, ""))
    sender.close()
    await carried(sender)
    there = Memory()
    there.coming.put_nowait(first.frames[0])

    async def take(message: FromHost) -> None:
        raise KeyError(message)

    with pytest.raises(KeyError):
        await link_on(there).run(take)


async def test_words_too_long_for_a_carrier_are_cut_between_letters() -> None:
    there = Memory()
    link = link_on(there)
    link.close(LATER, "ä" * 100)
    await carried(link)

    assert there.closed == (LATER, "ä" * 60)
