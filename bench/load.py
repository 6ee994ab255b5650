"""A lean closed-loop HTTP load: n clients on keep-alive connections, one process.

It shares the cores with the server it measures, so it does the least: one prebuilt request,
no header objects, and a full look at the answer only for the first and every hundredth.
"""

import asyncio
import gc
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

import uvloop

from bench.figures import quantile

CHECK_EVERY = 100
CONNECT_SECONDS = 10.0
STALL_SECONDS = 15.0
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class Stalled(Exception):
    """No answer for a while: the server hangs. Start it again and repeat the run."""


class WrongAnswer(Exception):
    """An answer was counted as good and is not: the figure would be a lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked of a server and how a good answer is told.

    `marker` is in the body of every good answer; `check` raises WrongAnswer for a body that
    does not carry the picture. Clients spread evenly over `port` and those that are `also` asked.
    """

    port: int
    request: bytes
    marker: bytes
    check: Callable[[bytes], None]
    also: Sequence[int] = ()


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run saw. Latencies run from the first try to the good answer, in seconds."""

    clients: int
    latencies: list[float] = field(default_factory=list[float])
    refused: int = 0
    seconds: float = 0.0
    own_cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def quantile_ms(self, share: float) -> float:
        return 1e3 * quantile(self.latencies, share)


class _Client(asyncio.Protocol):
    """One connection: sends, waits for the answer, sends again until the run ends."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._missing = 0
        self._started = 0.0
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._started = time.perf_counter()
        self._transport.write(self._run.target.request)

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return
        whole = data if len(self._parts) == 1 else b"".join(self._parts)
        self._missing = max(0, _missing(whole))
        if self._missing:
            self._parts = [whole]
            return
        self._parts.clear()
        self._answered(whole)

    def _answered(self, answer: bytes) -> None:
        run, now = self._run, time.perf_counter()
        if run.took(answer, now - self._started):
            self._started = now
        if run.over(now):
            self._leaving = True
            self.leave()
        elif self._transport is not None:
            self._transport.write(run.target.request)

    def leave(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._transport = None
        self._run.left(self, dropped=not self._leaving)


def _missing(data: bytes) -> int:
    """Bytes still to come of the answer that *data* begins; at least 1 if its head is cut."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 1
    length = _LENGTH.search(data, 0, head + 2)
    if length is None:
        raise WrongAnswer(f"no content-length in {data[:head]!r}")
    return head + 4 + int(length.group(1)) - len(data)


class _Run:
    """The shared state of one run's clients."""

    def __init__(self, target: Target, clients: int, seconds: float) -> None:
        self.target = target
        self.outcome = Outcome(clients=clients)
        self._open: set[_Client] = set()
        self._until = time.perf_counter() + seconds
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fault: Exception | None = None

    def took(self, answer: bytes, latency: float) -> bool:
        """Count an answer; False if it is none to be counted."""
        outcome = self.outcome
        if answer[9:10] != b"2" or self.target.marker not in answer:
            outcome.refused += 1
            return False
        if len(outcome.latencies) % CHECK_EVERY == 0:
            self._look_at(answer)
        outcome.latencies.append(latency)
        return True

    def _look_at(self, answer: bytes) -> None:
        try:
            self.target.check(answer[answer.find(b"\r\n\r\n") + 4 :])
        except WrongAnswer as error:
            self._fault, self._until = error, 0.0

    def over(self, now: float) -> bool:
        return now >= self._until

    def left(self, client: _Client, *, dropped: bool) -> None:
        self._open.discard(client)
        if dropped and self._fault is None:
            self._fault = Stalled("the server closed a connection")
        if not self._open and not self._done.done():
            self._done.set_result(None)

    async def drive(self) -> Outcome:
        loop = asyncio.get_running_loop()
        began, cpu = time.perf_counter(), time.process_time()
        ports = cycle((self.target.port, *self.target.also))
        for _ in range(self.outcome.clients):
            client, port = _Client(self), next(ports)
            self._open.add(client)
            await asyncio.wait_for(
                loop.create_connection(lambda c=client: c, "127.0.0.1", port),
                CONNECT_SECONDS,
            )
        await self._all_left()
        self.outcome.seconds = time.perf_counter() - began
        self.outcome.own_cpu_seconds = time.process_time() - cpu
        return self.outcome

    async def _all_left(self) -> None:
        patience = self._until - time.perf_counter() + STALL_SECONDS
        try:
            await asyncio.wait_for(asyncio.shield(self._done), patience)
        except TimeoutError as error:
            for client in tuple(self._open):
                client.leave()
            raise Stalled(
                f"{len(self._open)} of {self.outcome.clients} clients got no answer"
            ) from error
        if self._fault is not None:
            raise self._fault
        if not self.outcome.latencies:
            raise Stalled(f"no good answer, {self.outcome.refused} refused")


def press(target: Target, *, clients: int, seconds: float) -> Outcome:
    """Keep *clients* requests in flight for *seconds*.

    Raises:
        Stalled: the server stopped answering, or refused everything.
        WrongAnswer: a sampled answer did not carry the picture.
    """

    async def run() -> Outcome:
        return await _Run(target, clients, seconds).drive()

    gc.collect()
    gc.disable()
    try:
        return uvloop.run(run())
    finally:
        gc.enable()
