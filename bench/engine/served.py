"""The engine as a maker: orders are sent to its loop as the runner sends them."""

import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch

from bench.engine.asked import Made, Setup, Wanted
from bench.engine.calls import CallLog
from bench.engine.peaks import KeepingMeter, Peak
from bench.engine.pictures import GUIDANCE, PROMPT, reference
from bench.engine.play import Ended, Play, Stepped
from darkroom.domain.errors import RunCanceled
from darkroom.domain.families import Family
from darkroom.engine.backends.choice import make_backend
from darkroom.engine.device import Device
from darkroom.engine.interface import Engine, Order, Picture, Row, Thumbnail
from darkroom.engine.loading import load_parts
from darkroom.engine.loop import Loop, Ticket
from darkroom.engine.meters import meter_of
from darkroom.engine.settings import BackendChoice, EngineSettings
from darkroom.engine.stepping import StepEngine
from darkroom.engine.warming import warm

PATIENCE_SECONDS = 900.0
CACHE = Path("build/engine-cache")

_Event = Stepped | Ended | BaseException


class EngineMaker:
    """Satisfies `bench.engine.asked.Maker`."""

    def __init__(self, setup: Setup) -> None:
        self._family = Family(setup.family)
        dtype = cast("torch.dtype", getattr(torch, setup.dtype))
        device = Device(torch.device(setup.device), dtype)
        cuda = device.torch_device.type == "cuda"
        settings = EngineSettings(backend=BackendChoice(setup.maker), cache=CACHE.absolute())
        backend = make_backend(settings, device, _tell)
        parts, size = load_parts(self._family, Path(setup.folder), device, backend)
        self._log, self._peak = CallLog(cuda), Peak(cuda)
        parts.denoiser = self._log.watched(parts.denoiser)
        engine = StepEngine(parts, weights_bytes=size, threads=1 if setup.alone else None)
        warm(engine, self._family, backend)
        self._engine = _Watched(engine, self._log)
        self._loop = Loop(KeepingMeter(meter_of(device.torch_device), self._peak))

    def make(self, orders: Sequence[Wanted]) -> Made:
        """Send each at its time."""
        self._log.begin()
        given = [_order(wanted, self._family) for wanted in orders]
        self._engine.indexes = {id(order): index for index, order in enumerate(given)}
        runs = _Runs(self._loop, self._engine, given)
        play = Play(orders, runs, time.perf_counter, time.sleep)
        play.run()
        self._engine.rest()
        return play.made(self._log.calls(), self._peak.mb())

    def close(self) -> None:
        """End its threads."""
        self._loop.close()


def _tell(line: str) -> None:
    print(f"engine: {line}", file=sys.stderr, flush=True)


def _order(wanted: Wanted, family: Family) -> Order:
    return Order(
        prompt=PROMPT,
        width=wanted.side,
        height=wanted.side,
        steps=wanted.steps,
        seed=wanted.seed,
        images=(reference(wanted),),
        guidance=GUIDANCE[family],
    )


class _Watched:
    """Satisfies `darkroom.engine.interface.Engine`; notes whose rows each step has."""

    def __init__(self, engine: Engine, log: CallLog) -> None:
        self._engine, self._log = engine, log
        self._stepping = threading.Lock()
        self.indexes: Mapping[int, int] = {}

    def rest(self) -> None:
        """Wait for a step that began with orders which have been canceled since."""
        with self._stepping:
            return

    def prepare(self, order: Order) -> Sequence[Row]:
        return self._engine.prepare(order)

    def step(self, rows: Sequence[Row], ticked: Callable[[Row], None]) -> None:
        with self._stepping:
            moving = {id(row.order) for row in rows if not row.canceled}
            self._log.orders = frozenset(self.indexes[one] for one in moving & self.indexes.keys())
            self._engine.step(rows, ticked)

    def decode(self, row: Row) -> Picture:
        return self._engine.decode(row)

    def preview(self, row: Row) -> Thumbnail | None:
        return self._engine.preview(row)

    def cancel(self, rows: Sequence[Row]) -> None:
        self._engine.cancel(rows)


class _Runs:
    """Satisfies `bench.engine.play.Runs`."""

    def __init__(self, loop: Loop, engine: Engine, orders: Sequence[Order]) -> None:
        self._loop, self._engine, self._orders = loop, engine, orders
        self._tickets: dict[int, Ticket] = {}
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()

    def send(self, index: int) -> None:
        listener = _Listener(index, self._events)
        self._tickets[index] = self._loop.submit(self._engine, self._orders[index], listener)

    def cancel(self, index: int) -> None:
        self._loop.cancel(self._tickets[index])

    def event(self) -> Stepped | Ended:
        event = self._events.get(timeout=PATIENCE_SECONDS)
        if isinstance(event, BaseException):
            raise event
        return event


class _Listener:
    """Satisfies `darkroom.engine.loop.Listener`; tells what happens, and when."""

    def __init__(self, index: int, events: "queue.SimpleQueue[_Event]") -> None:
        self._index, self._events = index, events
        self._pixels = b""

    def begun(self) -> None:
        """Nothing is checked."""

    def ticked(self, row: Row) -> None:
        del row
        self._events.put(Stepped(self._index, time.perf_counter()))

    def made(self, row: Row, picture: Picture) -> None:
        del row
        self._pixels = picture.image.tobytes()

    def ended(self, error: BaseException | None) -> None:
        if error is None or isinstance(error, RunCanceled):
            self._events.put(Ended(self._index, time.perf_counter(), self._pixels))
        else:
            self._events.put(error)
