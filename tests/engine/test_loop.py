"""The tick loop with an engine that only counts: what joins, leaves and waits, and when."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from tests.engine.counting import ORDER, PATIENCE_SECONDS, Counting, Heard, stepping

from darkroom.domain.errors import RunCanceled, RunFailed
from darkroom.engine.interface import NoRoom, Order, Row
from darkroom.engine.loop import Loop, Ticket
from darkroom.engine.meters import NoMeter


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop(NoMeter())
    yield made
    made.close()


@pytest.fixture
def engine() -> Counting:
    return Counting()


def test_every_picture_of_an_order_is_made(loop: Loop, engine: Counting) -> None:
    heard = Heard()
    loop.submit(engine, replace(ORDER, count=3), heard)
    assert heard.wait().error is None
    assert (heard.steps, heard.pictures) == (12, [0, 1, 2])


def test_orders_join_at_any_turn_and_leave_when_they_are_done(loop: Loop, engine: Counting) -> None:
    orders = [replace(ORDER, seed=seed, steps=steps) for seed, steps in ((1, 5), (2, 3), (3, 4))]
    heard = stepping(loop, engine, orders)
    assert [one.wait().error for one in heard] == [None] * 3
    assert engine.batches == [[1], [1, 2], [1, 2, 3], [1, 2, 3], [1, 3], [3]]


def test_rows_of_other_geometry_take_turns(loop: Loop, engine: Counting) -> None:
    heard = stepping(loop, engine, [replace(ORDER, seed=1), replace(ORDER, seed=2, width=128)])
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
    heard = stepping(loop, engine, [replace(ORDER, seed=seed, steps=9) for seed in range(6)])
    assert [one.wait().error for one in heard] == [None] * 6
    assert max(map(len, engine.batches)) == 2


def test_a_row_without_room_beside_other_work_goes_on_with_the_device_to_itself(
    loop: Loop, engine: Counting
) -> None:
    heard, working, going = Heard(), threading.Event(), threading.Event()
    engine.gate.clear()
    engine.room = 0
    loop.submit(engine, ORDER, heard)
    assert engine.stepping.wait(PATIENCE_SECONDS)

    def work() -> None:
        working.set()
        assert going.wait(PATIENCE_SECONDS)
        engine.room = 64

    loop.beside(work)
    assert working.wait(PATIENCE_SECONDS)
    engine.gate.set()
    assert engine.refused.wait(PATIENCE_SECONDS)
    going.set()
    assert heard.wait().error is None
    assert heard.steps == ORDER.steps


def test_an_order_canceled_while_it_waits_for_room_is_not_tried_again(
    loop: Loop, engine: Counting
) -> None:
    engine.gate.clear()
    before, squeezed, after = Heard(), Heard(), Heard()
    loop.submit(engine, ORDER, before)
    assert engine.stepping.wait(PATIENCE_SECONDS)
    tight = Counting()
    tight.tight = 1
    ticket = loop.submit(tight, ORDER, squeezed)
    prepared = threading.Event()
    loop.beside(prepared.set)
    assert prepared.wait(PATIENCE_SECONDS)
    loop.cancel(ticket)
    engine.gate.set()
    loop.submit(engine, ORDER, after)
    assert isinstance(squeezed.wait().error, RunCanceled)
    assert (before.wait().error, after.wait().error) == (None, None)
    assert tight.prepared == 1


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


@pytest.mark.parametrize("at", ["at_begin", "at_picture"])
@pytest.mark.parametrize("refusals", [1, 2])
def test_a_listener_without_room_is_asked_once_more_and_no_picture_made_again(
    loop: Loop, engine: Counting, at: str, refusals: int
) -> None:
    left = [NoRoom("full")] * refusals

    def asked() -> None:
        if left:
            raise left.pop()

    heard = Heard()
    setattr(heard, at, asked)
    loop.submit(engine, ORDER, heard)
    assert (heard.wait().error is None) is (refusals == 1)
    assert heard.pictures == ([0] if refusals == 1 else [])
    assert sum(map(len, engine.batches)) in {0, ORDER.steps}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("the safety checker", "too little memory for the safety checker. Try again later."),
        ("", f"a picture of {ORDER.width} x {ORDER.height}. Ask for a smaller one."),
    ],
)
def test_what_finds_no_room_by_itself_is_named(
    loop: Loop, engine: Counting, part: str, told: str
) -> None:
    def asked() -> None:
        raise NoRoom("full", part=part)

    heard = Heard()
    heard.at_picture = asked
    loop.submit(engine, ORDER, heard)
    assert str(heard.wait().error).endswith(told)


def test_without_room_for_it_alone_an_order_fails(loop: Loop, engine: Counting) -> None:
    engine.tight = 2
    heard = Heard()
    loop.submit(engine, ORDER, heard)
    assert "Ask for a smaller one" in str(heard.wait().error)


def test_the_pace_tells_turns_batches_and_time(loop: Loop, engine: Counting) -> None:
    heard = Heard()
    loop.submit(engine, replace(ORDER, count=2), heard)
    heard.wait()
    pace = loop.pace
    assert (pace.turns, pace.rows) == (4, {2: 4})
    assert 0 < pace.stepping_seconds <= pace.active_seconds
