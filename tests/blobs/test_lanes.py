"""What waits together goes together, and whatever an act raises reaches who waits for it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from darkroom.blobs.lanes import BATCH_BYTES, BATCH_CALLS, Lanes


class Busy:
    """Holds the only thread of its lanes until told, so that calls pile up behind it."""

    def __init__(self, lanes: Lanes) -> None:
        self._free = threading.Event()
        self.done = lanes.run(self._free.wait)
        self.order: list[object] = []

    def note(self, what: object) -> Callable[[], object]:
        def act() -> object:
            self.order.append(what)
            return what

        return act

    def end(self) -> None:
        self._free.set()


@pytest.fixture
async def lanes() -> AsyncIterator[Lanes]:
    made = Lanes(1, "test")
    yield made
    await made.close()


async def hops(lanes: Lanes, busy: Busy, calls: int, size_bytes: int) -> int:
    """In how many turns of the loop *calls* that waited came back: one for each batch."""
    loop, turn, back = asyncio.get_running_loop(), 0, set[int]()

    def tick() -> None:
        nonlocal turn
        turn += 1
        if not all(one.done() for one in waiting):
            loop.call_soon(tick)

    waiting = [lanes.run(lambda: None, size_bytes=size_bytes) for _ in range(calls)]
    for one in waiting:
        one.add_done_callback(lambda _: back.add(turn))
    loop.call_soon(tick)
    busy.end()
    await asyncio.gather(*waiting)
    return len(back)


async def begun(lanes: Lanes) -> Busy:
    busy = Busy(lanes)
    await asyncio.sleep(0)  # let the lane take it
    return busy


@pytest.mark.parametrize(
    ("calls", "size_bytes", "expected"),
    [
        (BATCH_CALLS, 0, 1),
        (BATCH_CALLS + 1, 0, 2),
        (4, BATCH_BYTES, 4),
        (4, BATCH_BYTES // 2, 2),
        (2, 5 * BATCH_BYTES, 2),
    ],
)
async def test_calls_share_a_hop_up_to_so_many_and_so_many_bytes(
    lanes: Lanes, calls: int, size_bytes: int, expected: int
) -> None:
    assert await hops(lanes, await begun(lanes), calls, size_bytes) == expected


async def test_calls_happen_in_order_and_each_gets_its_own_result(lanes: Lanes) -> None:
    busy = await begun(lanes)
    results = [lanes.run(busy.note(number)) for number in range(40)]
    busy.end()
    assert await asyncio.gather(*results) == list(range(40))
    assert busy.order == list(range(40))


@pytest.mark.parametrize("fault", [OSError, KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_whatever_an_act_raises_is_raised_where_it_is_awaited(
    lanes: Lanes, fault: type[BaseException]
) -> None:
    def act() -> None:
        raise fault("from the act")

    failing, beside = lanes.run(act), lanes.run(lambda: "beside")
    with pytest.raises(fault, match="from the act"):
        await failing
    assert await beside == "beside"
    assert await lanes.run(lambda: "later") == "later"


async def test_a_call_nobody_waits_for_any_more_harms_no_other(lanes: Lanes) -> None:
    busy = await begun(lanes)
    given_up, kept = lanes.run(busy.note("a")), lanes.run(busy.note("b"))
    given_up.cancel()
    busy.end()
    assert await kept == "b"


async def test_a_close_finishes_what_still_waits() -> None:
    lanes = Lanes(1, "test")
    busy = await begun(lanes)
    waiting = [lanes.run(busy.note(number)) for number in range(2 * BATCH_CALLS + 1)]
    closing = asyncio.create_task(lanes.close())
    await asyncio.sleep(0)
    busy.end()
    await closing
    assert [one.result() for one in waiting] == list(range(2 * BATCH_CALLS + 1))
