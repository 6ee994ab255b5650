"""The lines of a remote worker, played by a test: they stand, break, and stand again."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tests.worker.scripted import NoBucket, Pictures, RawDecoder, ReadyWeights, options, spec

from darkroom.blobs.local import LocalBlobs
from darkroom.domain.errors import WorkerRefused
from darkroom.ports.buckets import SignedFiles
from darkroom.protocol.messages import (
    PROTOCOL,
    Hello,
    Job,
    Key,
    Know,
    Noted,
    Told,
    ToWorker,
    VersionSpec,
    Welcome,
)
from darkroom.worker.client import Worker
from darkroom.worker.folders import run_folder
from darkroom.worker.lines import Connector, Line
from darkroom.worker.options import Tools

M = TypeVar("M")
BEAT_SECONDS = 0.01
"""So that a worker that lost its line is back in a moment."""


@dataclass
class HandLine:
    """One line; `sent` is all that the worker has sent down it."""

    received: Callable[[ToWorker], None]
    closed: Callable[[], None]
    came: asyncio.Event
    sent: list[object] = field(default_factory=list[object])
    bulk: int = 0
    open: bool = True
    congested: bool = False
    fault: str | None = None

    def send(self, message: object, *, bulk_bytes: int = 0) -> None:
        if self.open:
            self.bulk += bulk_bytes
            self.sent.append(message)
            self.came.set()

    def close(self) -> None:
        if self.open:
            self.open = False
            asyncio.get_running_loop().call_soon(self.closed)

    def all(self, kind: type[M]) -> list[M]:
        return [one for one in self.sent if isinstance(one, kind)]


class HandLines(Connector):
    """Opens them while `up`."""

    remote = True

    def __init__(self) -> None:
        self.up = True
        self.refusal: str | None = None
        self.lines: list[HandLine] = []
        self.came = asyncio.Event()
        self.tries = 0

    async def connect(
        self, received: Callable[[ToWorker], None], closed: Callable[[], None]
    ) -> Line:
        self.tries += 1
        self.came.set()
        if self.refusal is not None:
            raise WorkerRefused(self.refusal)
        if not self.up:
            raise ConnectionRefusedError(111, "Connection refused")
        self.lines.append(HandLine(received, closed, self.came))
        return self.lines[-1]


@dataclass
class Far:
    """A remote worker, and the server's end of its lines."""

    worker: Worker
    running: asyncio.Task[bool]
    lines: HandLines
    known: set[str] = field(default_factory=set[str])

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something that the worker does has made it so."""
        while not true():
            self.lines.came.clear()
            await self.lines.came.wait()

    @property
    def line(self) -> HandLine:
        return self.lines.lines[-1]

    async def hello(self) -> Hello:
        """The hello on the line that stands now, or on the next one."""
        await self.until(lambda: bool(self.lines.lines) and self.line.open)
        await self.until(lambda: bool(self.line.sent))
        (hello,) = self.line.all(Hello)
        return hello

    async def welcome(self, *kept: Key) -> Hello:
        hello = await self.hello()
        self.line.received(Welcome(PROTOCOL, BEAT_SECONDS, list(kept)))
        return hello

    def job(self, given: str, *, name: str = "p1", puts: list[str] | None = None,
            version: VersionSpec | None = None) -> Key:  # fmt: skip
        version = version or spec()
        if version.id not in self.known:
            self.known.add(version.id)
            self.line.received(Know(version))
        self.line.received(Job(name, 1, version.id, given, [], puts))
        return (name, 1)

    def break_line(self, *, stay_down: bool = False) -> None:
        self.lines.up = not stay_down
        self.line.open = False
        self.line.closed()

    async def told(self, count: int = 1) -> list[Told]:
        """What the line that stands was told, once it is so much."""
        await self.until(lambda: len(self.line.all(Told)) >= count)
        return self.line.all(Told)

    async def end_of(self, key: Key) -> Told:
        """What tells its end on the line that stands."""

        def ends() -> list[Told]:
            told = self.line.all(Told)
            return [one for one in told if (one.id, one.attempt) == key and one.ended]

        await self.until(lambda: bool(ends()))
        return ends()[0]

    def note(self, told: Told) -> None:
        self.line.received(Noted(told.id, told.attempt, told.number))


@asynccontextmanager
async def far(
    folder: Path, *, signed: SignedFiles | None = None, drain: float = 20.0
) -> AsyncGenerator[Far]:
    """A remote worker whose first line is welcome; its hosts are gone afterwards."""
    blobs, lines = LocalBlobs(folder / "files"), HandLines()
    tools = Tools(
        blobs=blobs,
        signed=signed or NoBucket(),
        fetcher=Pictures(),
        decoder=RawDecoder(),
        weights=ReadyWeights(),
    )
    with run_folder(folder / "run", "local-1"):
        worker = Worker(replace(options(folder, drain=drain), connector=lines), tools)
        running = asyncio.create_task(worker.run())
        here = Far(worker, running, lines)
        await here.welcome()
        try:
            yield here
        finally:
            if not running.done():
                running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await blobs.close()
