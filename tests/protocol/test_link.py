"""Messages arrive whole and in order, in frames that never grow too long."""

import asyncio
import socket

from darkroom.protocol.batches import BULK_BYTES
from darkroom.protocol.link import Link
from darkroom.protocol.messages import FromHost, Logged, Output

LARGE = BULK_BYTES // 2


class End:
    """One end of a connection and what it has received."""

    def __init__(self, limit_bytes: int) -> None:
        self.received: list[FromHost] = []
        self.closed = asyncio.Event()
        self.link: Link[FromHost] = Link(
            FromHost,
            received=self.received.append,
            closed=self.closed.set,
            limit_bytes=limit_bytes,
        )


async def pair(limit_bytes: int) -> tuple[End, End]:
    loop = asyncio.get_running_loop()
    ends = End(limit_bytes), End(limit_bytes)
    for end, connection in zip(ends, socket.socketpair(), strict=True):
        await loop.create_unix_connection(lambda link=end.link: link, sock=connection)
    return ends


async def test_what_is_sent_before_a_close_arrives_in_order() -> None:
    here, there = await pair(10_000)
    sent = [Logged("p1", number, "text") for number in range(100)]
    for message in sent:
        here.link.send(message)
    here.link.close()
    await there.closed.wait()
    assert there.received == sent
    assert there.link.fault is None


async def test_a_frame_longer_than_the_limit_ends_the_link() -> None:
    here, there = await pair(1000)
    here.link.send(Logged("p1", 1, "x" * 1000))
    await there.closed.wait()
    await here.closed.wait()
    assert there.received == []
    assert "1000 are allowed" in (there.link.fault or "")


async def test_files_sent_in_one_turn_leave_in_frames_a_peer_takes() -> None:
    here, there = await pair(2 * BULK_BYTES)
    for number in range(8):
        here.link.send(Output("p1", 1, number, "", "", bytes(LARGE), None), bulk_bytes=LARGE)
    here.link.close()
    await there.closed.wait()
    assert there.link.fault is None
    assert [one.index for one in there.received if isinstance(one, Output)] == list(range(8))


async def test_a_peer_that_takes_nothing_congests_the_link_until_it_does() -> None:
    here, there = await pair(2 * BULK_BYTES)
    assert not here.link.congested
    here.link.send(Output("p1", 1, 0, "", "", bytes(LARGE), None), bulk_bytes=LARGE)
    await asyncio.sleep(0)
    assert here.link.congested
    here.link.close()
    await there.closed.wait()
    assert not here.link.congested
