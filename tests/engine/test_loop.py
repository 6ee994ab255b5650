"""The tick loop with an engine that only counts: what joins, leaves, waits and fails, and when."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from PIL import Image

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.interface import NoRoom, Order, Picture, Row, Thumbnail
from darkroom.engine.loop import Loop, Ticket
from darkroom.engine.meters import NoMeter

PATIENCE_SECONDS = 20
ORDER = Order(prompt="", width=64, height=64, steps=4, seed=0)


class Counting:
    """Satisfies `Engine`: rows count to their total.

    Args:
        room: how many rows fit into a step, and into a decode.
    """

    def __init__(self, room: int = 64) -> None:
        self.room = room
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.stepping = threading.Event()
        self.tight = 0
        self.broken: Exception | None = None

    def prepare(self, order: Order) -> Sequence[Row]:
        self._squeezed()
        return [Row(order, index, order.steps, order.width) for index in range(order.count)]

    def step(self, rows: Sequence[Row], ticked: Callable[[Row], None]) -> None:
        self.stepping.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        if self.broken is not None:
            raise self.broken
        if len(rows) > self.room:
            raise NoRoom("full")
        self.batches.append([row.order.seed for row in rows])
        for row in rows:
            row.done += 1
            row.finished = row.done == row.total
            if row.order.prompt == "faulty":
                row.fault = ValueError("no such sampler")
            elif not row.canceled:
                ticked(row)

    def decode(self, row: Row) -> Picture:
        self._squeezed()
        return Picture(Image.new("RGB", (1, 1), (row.order.seed, row.index, 0)), flagged=False)

    def preview(self, row: Row) -> Thumbnail | None:
        raise AssertionError(row)

    def cancel(self, rows: Sequence[Row]) -> None:
        for row in rows:
            row.canceled = True

    def _squeezed(self) -> None:
        if self.tight:
            self.tight -= 1
            raise NoRoom("full")


@dataclass
class Heard:
    """Satisfies `Listener`."""

    steps: int = 0
    pictures: list[int] = field(default_factory=list[int])
    error: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)
    at_step: Callable[[Row], object] = bool

    def ticked(self, row: Row) -> None:
        self.steps += 1
        self.at_step(row)

    def made(self, row: Row, picture: Picture) -> None:
        assert picture.image.getpixel((0, 0)) == (row.order.seed, row.index, 0)
        self.pictures.append(row.index)

    def ended(self, error: BaseException | None) -> None:
        assert not self.over.is_set()
        self.error = error
        self.over.set()

    def wait(self) -> "Heard":
        assert self.over.wait(PATIENCE_SECONDS)
        return self


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop(NoMeter())
    yield made
    made.close()


@pytest.fixture
def engine() -> Counting:
    return Counting()


def _stepping(loop: Loop, engine: Counting, orders: Sequence[Order]) -> list[Heard]:
    """Give orders that all join while the first of them takes its first step."""
    heard = [Heard() for _ in orders]
    engine.gate.clear()
    loop.submit(engine, orders[0], heard[0])
    assert engine.stepping.wait(PATIENCE_SECONDS)
    for order, listener in zip(orders[1:], heard[1:], strict=True):
        loop.submit(engine, order, listener)
    ready = threading.Event()
    loop.submit(_Ready(ready), ORDER, Heard())
    assert ready.wait(PATIENCE_SECONDS)
    engine.gate.set()
    return heard


class _Ready(Counting):
    """Tells that all orders before its own have been encoded."""

    def __init__(self, ready: threading.Event) -> None:
        super().__init__()
        self._ready = ready

    def prepare(self, order: Order) -> Sequence[Row]:
        self._ready.set()
        raise RunFailed(order.prompt)


def test_every_picture_of_an_order_is_made(loop: Loop, engine: Counting) -> None:
    heard = Heard()
    loop.submit(engine, replace(ORDER, count=3), heard)
    assert heard.wait().error is None
    assert (heard.steps, heard.pictures) == (12, [0, 1, 2])


def test_orders_join_at_any_turn_and_leave_when_they_are_done(loop: Loop, engine: Counting) -> None:
    orders = [replace(ORDER, seed=seed, steps=steps) for seed, steps in ((1, 5), (2, 3), (3, 4))]
    heard = _stepping(loop, engine, orders)
    assert [one.wait().error for one in heard] == [None] * 3
    assert engine.batches == [[1], [1, 2], [1, 2, 3], [1, 2, 3], [1, 3], [3]]


def test_rows_of_other_geometry_take_turns(loop: Loop, engine: Counting) -> None:
    heard = _stepping(loop, engine, [replace(ORDER, seed=1), replace(ORDER, seed=2, width=128)])
    assert [one.wait().error for one in heard] == [None] * 2
    assert engine.batches == [[1], [2], [1], [2], [1], [2], [1], [2]]


def test_an_order_canceled_takes_no_further_step_and_its_neighbours_go_on(
    loop: Loop, engine: Counting
) -> None:
    tickets: list[Ticket] = []
    canceled = Heard(at_step=lambda row: loop.cancel(tickets[0]) if row.done == 2 else None)
    engine.gate.clear()
    other = Heard()
    tickets.append(loop.submit(engine, replace(ORDER, steps=100), canceled))
    loop.submit(engine, replace(ORDER, seed=1, steps=90), other)
    engine.gate.set()
    assert isinstance(canceled.wait().error, RunCanceled)
    assert other.wait().error is None
    assert (canceled.steps, other.steps) == (2, 90)
    assert sum(0 in batch for batch in engine.batches) == 2


def test_an_order_canceled_before_it_is_encoded_never_steps(loop: Loop, engine: Counting) -> None:
    encoding, going = threading.Event(), threading.Event()

    class Slow(Counting):
        def prepare(self, order: Order) -> Sequence[Row]:
            encoding.set()
            assert going.wait(PATIENCE_SECONDS)
            return super().prepare(order)

    slow, heard, after = Slow(), Heard(), Heard()
    ticket = loop.submit(slow, ORDER, heard)
    assert encoding.wait(PATIENCE_SECONDS)
    loop.cancel(ticket)
    assert isinstance(heard.wait().error, RunCanceled)
    going.set()
    loop.submit(engine, ORDER, after)
    assert after.wait().error is None
    assert slow.batches == []


def test_without_room_for_all_a_batch_is_halved_and_nobody_fails(loop: Loop) -> None:
    engine = Counting(room=2)
    heard = _stepping(loop, engine, [replace(ORDER, seed=seed, steps=9) for seed in range(6)])
    assert [one.wait().error for one in heard] == [None] * 6
    assert max(map(len, engine.batches)) == 2


def test_a_row_too_large_by_itself_is_told_in_words(loop: Loop) -> None:
    heard = Heard()
    loop.submit(Counting(room=0), ORDER, heard)
    assert isinstance(heard.wait().error, RunFailed)
    assert "too little memory for a picture of 64 x 64" in str(heard.error)


@pytest.mark.parametrize("at", ["encode", "decode"])
def test_without_room_beside_the_loop_it_is_tried_again_between_two_turns(
    loop: Loop, engine: Counting, at: str
) -> None:
    heard = Heard()
    if at == "encode":
        engine.tight = 1
    else:
        heard.at_step = lambda row: setattr(engine, "tight", int(row.done > 0))
    loop.submit(engine, ORDER, heard)
    assert heard.wait().error is None
    assert heard.pictures == [0]


def test_without_room_for_it_alone_an_order_fails(loop: Loop, engine: Counting) -> None:
    engine.tight = 2
    heard = Heard()
    loop.submit(engine, ORDER, heard)
    assert "Ask for a smaller one" in str(heard.wait().error)


def test_what_is_wrong_with_one_row_ends_its_order_alone(loop: Loop, engine: Counting) -> None:
    heard = _stepping(loop, engine, [ORDER, replace(ORDER, seed=1, prompt="faulty")])
    assert heard[0].wait().error is None
    assert str(heard[1].wait().error) == "no such sampler"


def test_what_breaks_the_denoiser_ends_whoever_was_in_the_batch_and_not_the_loop(
    loop: Loop, engine: Counting
) -> None:
    engine.broken = RuntimeError("device lost")
    heard, after = Heard(), Heard()
    loop.submit(engine, ORDER, heard)
    assert str(heard.wait().error) == "device lost"
    engine.broken = None
    loop.submit(engine, ORDER, after)
    assert after.wait().error is None


def test_a_listener_that_raises_ends_its_own_order(loop: Loop, engine: Counting) -> None:
    def raises(row: Row) -> None:
        raise LookupError(row.index)

    heard, other = Heard(at_step=raises), Heard()
    loop.submit(engine, ORDER, heard)
    loop.submit(engine, ORDER, other)
    assert isinstance(heard.wait().error, LookupError)
    assert other.wait().error is None


def test_closing_cancels_what_is_under_way(engine: Counting) -> None:
    loop = Loop(NoMeter())
    engine.gate.clear()
    heard = Heard()
    loop.submit(engine, ORDER, heard)
    assert engine.stepping.wait(PATIENCE_SECONDS)
    closing = threading.Thread(target=loop.close)
    closing.start()
    engine.gate.set()
    closing.join(PATIENCE_SECONDS)
    assert not closing.is_alive()
    assert isinstance(heard.wait().error, RunCanceled)


def test_the_pace_tells_turns_batches_and_time(loop: Loop, engine: Counting) -> None:
    heard = Heard()
    loop.submit(engine, replace(ORDER, count=2), heard)
    heard.wait()
    pace = loop.pace
    assert (pace.turns, pace.rows) == (4, {2: 4})
    assert 0 < pace.stepping_seconds <= pace.active_seconds
