"""An engine that only counts, and who hears of its orders."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from darkroom.domain.errors import RunFailed
from darkroom.engine.interface import NoRoom, Order, Picture, Row, Thumbnail
from darkroom.engine.loop import Loop

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
        self.refused = threading.Event()
        self.tight = 0
        self.prepared = 0
        self.broken: Exception | None = None

    def prepare(self, order: Order) -> Sequence[Row]:
        self.prepared += 1
        self._squeezed()
        return [Row(order, index, order.steps, order.width) for index in range(order.count)]

    def step(self, rows: Sequence[Row], ticked: Callable[[Row], None]) -> None:
        self.stepping.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        if self.broken is not None:
            raise self.broken
        if len(rows) > self.room:
            self.refused.set()
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
    at_begin: Callable[[], object] = bool
    at_picture: Callable[[], object] = bool
    at_step: Callable[[Row], object] = bool
    at_end: Callable[[], object] = bool

    def begun(self) -> None:
        self.at_begin()

    def ticked(self, row: Row) -> None:
        self.steps += 1
        self.at_step(row)

    def made(self, row: Row, picture: Picture) -> None:
        assert picture.image.getpixel((0, 0)) == (row.order.seed, row.index, 0)
        self.at_picture()
        self.pictures.append(row.index)

    def ended(self, error: BaseException | None) -> None:
        assert not self.over.is_set()
        self.error = error
        self.over.set()
        self.at_end()

    def wait(self) -> "Heard":
        assert self.over.wait(PATIENCE_SECONDS)
        return self


class Refusing(Counting):
    """Takes no order, and tells when it is asked: all orders before that one have been encoded."""

    def __init__(self, ready: threading.Event) -> None:
        super().__init__()
        self._ready = ready

    def prepare(self, order: Order) -> Sequence[Row]:
        self._ready.set()
        raise RunFailed(order.prompt)


def stepping(loop: Loop, engine: Counting, orders: Sequence[Order]) -> list[Heard]:
    """Give orders that all join while the first of them takes its first step."""
    heard = [Heard() for _ in orders]
    engine.gate.clear()
    loop.submit(engine, orders[0], heard[0])
    assert engine.stepping.wait(PATIENCE_SECONDS)
    for order, listener in zip(orders[1:], heard[1:], strict=True):
        loop.submit(engine, order, listener)
    ready = threading.Event()
    loop.submit(Refusing(ready), ORDER, Heard())
    assert ready.wait(PATIENCE_SECONDS)
    engine.gate.set()
    return heard
