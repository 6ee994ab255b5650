"""The engine as a maker: orders are sent to it as the runner sends them."""

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch

from bench.engine.asked import Made, Setup, Wanted
from bench.engine.calls import Calls
from bench.engine.pictures import GUIDANCE, PROMPT, device_peak_mb, reference
from bench.engine.play import Ended, Play, Stepped
from darkroom.domain.families import Family
from darkroom.engine.device import Device
from darkroom.engine.interface import Engine, Order, Row
from darkroom.engine.loading import load_engine

PATIENCE_SECONDS = 900.0


class EngineMaker:
    """Satisfies `bench.engine.asked.Maker`."""

    def __init__(self, setup: Setup) -> None:
        self._family = Family(setup.family)
        dtype = cast("torch.dtype", getattr(torch, setup.dtype))
        device = Device(torch.device(setup.device), dtype)
        self._calls = Calls()
        self._engine = load_engine(self._family, Path(setup.folder), device)

    def make(self, orders: Sequence[Wanted]) -> Made:
        """Send each at its time."""
        self._calls.forget()
        runs = _Runs(self._engine, [_order(wanted, self._family) for wanted in orders])
        play = Play(orders, runs, time.perf_counter)
        play.run()
        return play.made(self._calls.spans, device_peak_mb())


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


class _Runs:
    """Satisfies `bench.engine.play.Runs`."""

    def __init__(self, engine: Engine, orders: Sequence[Order]) -> None:
        self._engine, self._orders = engine, orders
        self._unwanted: set[int] = set()
        self._sent: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Stepped | Ended | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def send(self, index: int) -> None:
        self._sent.put(index)

    def cancel(self, index: int) -> None:
        self._unwanted.add(index)

    def event(self) -> Stepped | Ended:
        event = self._events.get(timeout=PATIENCE_SECONDS)
        if isinstance(event, BaseException):
            raise event
        return event

    def _work(self) -> None:
        try:
            for _ in self._orders:
                self._one(self._sent.get())
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            self._events.put(error)

    def _one(self, index: int) -> None:
        (row,) = self._engine.prepare(self._orders[index])

        def ticked(row: Row) -> None:
            self._events.put(Stepped(index, time.perf_counter()))
            if index in self._unwanted:
                self._engine.cancel([row])

        while not row.finished and not row.canceled:
            self._engine.step([row], ticked)
        pixels = b"" if row.canceled else self._engine.decode(row).image.tobytes()
        self._events.put(Ended(index, time.perf_counter(), pixels))
