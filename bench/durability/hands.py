"""Simulated workers: the real protocol, and nothing behind it but a timer.

How a link is carried is the carriage's affair alone: `unix_socket` is one, a WebSocket would be
another.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

from darkroom.protocol.link import Link
from darkroom.protocol.messages import (
    PROTOCOL,
    Beat,
    Ended,
    Gave,
    Hello,
    Job,
    Key,
    Stop,
    Told,
    ToWorker,
    Welcome,
)

KIND = "echo-text"


class Line(Protocol):
    """A connection to the server."""

    def send(self, message: object) -> None: ...

    def close(self) -> None: ...


Carriage: TypeAlias = Callable[[Callable[[ToWorker], None]], Awaitable[Line]]
"""Connects to the server; called with what is to hear every message that comes."""


def unix_socket(path: Path) -> Carriage:
    async def connect(received: Callable[[ToWorker], None]) -> Line:
        link: Link[ToWorker] = Link(ToWorker, received=received, closed=lambda: None)
        await asyncio.get_running_loop().create_unix_connection(lambda: link, str(path))
        return link

    return connect


class Fleet:
    """So many workers, one run of `echo-text` each at a time.

    `came` tells of each prediction when its job came, in Unix seconds; `ended` counts runs.
    """

    def __init__(self, run_seconds: float) -> None:
        self.run_seconds = run_seconds
        self.came: dict[str, float] = {}
        self.ended = 0
        self.repeated = 0
        self._hands: list[_Hand] = []

    async def join(self, carriage: Carriage, count: int) -> None:
        """Connect *count* workers, each once the one before has been welcomed."""
        for number in range(count):
            hand = _Hand(self, f"hand-{number}")
            self._hands.append(hand)
            await hand.join(carriage)

    def leave(self) -> None:
        for hand in self._hands:
            hand.leave()


class _Hand:
    """One worker."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet = fleet
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._welcomed = asyncio.Event()
        self._line: Line | None = None
        self._held: dict[Key, asyncio.TimerHandle] = {}
        self._beat: asyncio.TimerHandle | None = None

    async def join(self, carriage: Carriage) -> None:
        self._line = await carriage(self._received)
        self._line.send(Hello(PROTOCOL, self._name, 1, "", {KIND: 1}))
        await self._welcomed.wait()

    def leave(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        for timer in self._held.values():
            timer.cancel()
        if self._line is not None:
            self._line.close()

    def _received(self, message: ToWorker) -> None:
        match message:
            case Job():
                self._run(message)
            case Stop(prediction, attempt):
                self._end((prediction, attempt), "canceled")
            case Welcome(beat_seconds=seconds):
                self._beats(seconds)
                self._welcomed.set()
            case _:
                pass  # nothing else changes what a timer does

    def _beats(self, seconds: float) -> None:
        self._send(Beat(list(self._held), []))
        self._beat = self._loop.call_later(seconds, self._beats, seconds)

    def _run(self, job: Job) -> None:
        fleet, key = self._fleet, (job.id, job.attempt)
        fleet.repeated += job.id in fleet.came
        fleet.came.setdefault(job.id, time.time())
        self._send(Told(*key, started=True, events=[], ended=None))
        over = partial(self._end, key, "succeeded")
        self._held[key] = self._loop.call_later(fleet.run_seconds, over)

    def _end(self, key: Key, outcome: str) -> None:
        timer = self._held.pop(key, None)
        if timer is None:
            return
        timer.cancel()
        self._fleet.ended += 1
        ended = Ended(outcome, error=None, metrics="{}", run_seconds=self._fleet.run_seconds)
        events = [Gave(index=0, value='"done"')] if outcome == "succeeded" else []
        self._send(Told(*key, started=False, events=list(events), ended=ended))

    def _send(self, message: object) -> None:
        if self._line is not None:
            self._line.send(message)
