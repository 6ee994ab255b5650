"""Orders are sent and canceled when they should be, and what became of them is told."""

from collections.abc import Sequence

import pytest
from bench.engine.asked import Made, Wanted
from bench.engine.play import Call, Ended, Play, Stepped

PIXELS = b"RGB"


def _order(
    *, steps: int = 3, after: int = 0, cancel_at: int = 0, background: bool = False
) -> Wanted:
    return Wanted(
        seed=0, side=1, steps=steps, after=after, cancel_at=cancel_at, background=background
    )


class _Ticking:
    """Every tick takes a second, and a step of every order; a canceled one ends with the next."""

    def __init__(self, orders: Sequence[Wanted]) -> None:
        self.sent: list[tuple[int, float]] = []
        self.now = 0.0
        self.calls: list[Call] = []
        self._orders = orders
        self._steps: dict[int, int] = {}
        self._canceled: set[int] = set()
        self._events: list[Stepped | Ended] = []

    def send(self, index: int) -> None:
        self.sent.append((index, self.now))
        self._steps[index] = 0

    def cancel(self, index: int) -> None:
        self._canceled.add(index)

    def event(self) -> Stepped | Ended:
        while not self._events:
            self._tick()
        return self._events.pop(0)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def _tick(self) -> None:
        orders = frozenset(self._steps)
        self.calls.append(Call(began=self.now + 0.25, ended=self.now + 1.0, orders=orders))
        self.now += 1.0
        for index in list(self._steps):
            self._steps[index] += 1
            self._events.append(Stepped(index, self.now))
            if index in self._canceled or self._steps[index] == self._orders[index].steps:
                pixels = b"" if index in self._canceled else PIXELS
                self._events.append(Ended(index, self.now, pixels))
                del self._steps[index]


def _played(orders: Sequence[Wanted]) -> tuple[Made, _Ticking]:
    runs = _Ticking(orders)
    play = Play(orders, runs, lambda: runs.now, runs.sleep)
    play.run()
    return play.made(runs.calls, 7.0), runs


def test_all_are_sent_at_once_and_told_in_the_order_of_asking() -> None:
    made, runs = _played([_order(steps=4), _order(steps=2)])
    assert runs.sent == [(0, 0.0), (1, 0.0)]
    assert made.seconds == 4.0
    assert [(one.seconds, one.first, one.steps) for one in made.came] == [(4, 1, 4), (2, 1, 2)]
    assert [one.pixels for one in made.came] == [PIXELS, PIXELS]
    assert made.ticks == (0.75,) * 4
    assert made.peak_mb == 7.0


def test_the_time_before_a_first_step_is_not_active() -> None:
    made, _ = _played([_order(steps=4)])
    # Active from the start of the first call, at 0.25, to the end of the last, at 4.0.
    assert made.busy == pytest.approx(4 * 0.75 / 3.75)


def test_an_order_is_sent_once_the_first_has_taken_its_steps() -> None:
    made, runs = _played([_order(steps=6), _order(steps=2, after=3)])
    assert runs.sent == [(0, 0.0), (1, 3.0)]
    assert made.came[1].seconds == 2.0


def test_what_runs_in_the_background_is_canceled_when_the_others_have_come() -> None:
    made, _ = _played([_order(steps=100, background=True), _order(steps=2, after=3)])
    assert made.came[0].pixels == b""
    assert made.came[0].steps == 6
    assert made.came[1].pixels == PIXELS


def test_the_calls_that_still_had_a_canceled_order_are_told_and_so_is_their_time() -> None:
    made, _ = _played([_order(steps=9), _order(steps=9, cancel_at=2)])
    canceled = made.came[1]
    assert canceled.pixels == b""
    assert (canceled.steps, canceled.late_calls, canceled.late_seconds) == (3, 1, 1.0)
    assert made.came[0].steps == 9


def test_without_calls_nobody_knows_how_busy_it_was() -> None:
    runs = _Ticking([_order()])
    play = Play([_order()], runs, lambda: runs.now, runs.sleep)
    play.run()
    assert play.made([], 0.0).busy is None
