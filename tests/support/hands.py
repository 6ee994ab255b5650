"""What a test moves by hand in place of what moves by itself: a worker, and the time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.blobs.local import LocalBlobs
from darkroom.compose.clock import SystemClock
from darkroom.domain.ids import DEFAULT_POOL
from darkroom.protocol.messages import (
    PROTOCOL,
    Ended,
    FileFact,
    Gave,
    Hello,
    Job,
    Key,
    Noted,
    Said,
    Stop,
    Told,
)
from darkroom.service.dispatch import Dispatcher
from darkroom.service.seats import Seat

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(24)


@dataclass(slots=True)
class HandWorker:
    """A seat whose jobs a test looks at and answers itself."""

    dispatcher: Dispatcher
    blobs: LocalBlobs
    sent: list[object] = field(default_factory=list[object])
    came: asyncio.Event = field(default_factory=asyncio.Event)
    seat: Seat | None = None
    closed: bool = False

    def join(self, slots: Mapping[str, int] | None = None, name: str = "hand") -> None:
        hello = Hello(PROTOCOL, name, 1, "", dict(slots or {"echo": 4, "echo-text": 4}))
        self.seat = self.dispatcher.join(hello, self._take, self._close)

    async def rejoin(self, held: Sequence[Key] = (), *, name: str = "hand", incarnation: int = 1,
                     slots: Mapping[str, int] | None = None,
                     pool: str = DEFAULT_POOL) -> list[Key]:  # fmt: skip
        """Come as a remote worker that holds *held*; returns what it may go on with."""
        takes = dict(slots or {"echo": 4, "echo-text": 4})
        hello = Hello(PROTOCOL, name, incarnation, "", takes, held=list(held))
        self.seat, kept = await self.dispatcher.rejoin(hello, pool=pool, send=self._take,
                                                       close=self._close)  # fmt: skip
        return kept

    def _take(self, message: object) -> None:
        self.sent.append(message)
        self.came.set()

    async def job(self, number: int = 0) -> Job:
        """Job *number* from 0, as soon as it has come."""
        while len(self.jobs) <= number:
            self.came.clear()
            await self.came.wait()
        return self.jobs[number]

    async def taken(self) -> None:
        """Wait until a slot is taken, before the job itself comes."""
        assert self.seat is not None
        while not self.seat.held:  # noqa: ASYNC110  # nothing is signaled at that moment
            await asyncio.sleep(0)

    def _close(self) -> None:
        self.closed = True

    @property
    def jobs(self) -> list[Job]:
        return [one for one in self.sent if isinstance(one, Job)]

    @property
    def noted(self) -> list[tuple[str, int, int]]:
        return [(one.id, one.attempt, one.number) for one in self.sent if isinstance(one, Noted)]

    @property
    def stops(self) -> list[Stop]:
        return [one for one in self.sent if isinstance(one, Stop)]

    def tell(
        self, job: Job, *events: Said | Gave, ended: Ended | None = None, started: bool = True,
        number: int = 0
    ) -> None:  # fmt: skip
        assert self.seat is not None
        told = Told(job.id, job.attempt, started, list(events), ended, number)
        self.dispatcher.told(self.seat, told)

    async def give_picture(self, job: Job, *, data: bytes = PICTURE, index: int = 0,
                           name: str | None = None) -> Gave:  # fmt: skip
        key = f"predictions/{job.id}/{job.attempt}/{index}"
        await self.blobs.put(key, data)
        return Gave(index, FileFact(key=key, name=name or f"out-{index}.png",
                                    content_type="image/png",
                                    size_bytes=len(data), sha256=f"{index:064}"))  # fmt: skip

    async def succeed(self, job: Job, *, data: bytes = PICTURE, name: str | None = None) -> None:
        picture = await self.give_picture(job, data=data, name=name)
        self.tell(job, picture, ended=succeeded())

    def leave(self) -> None:
        assert self.seat is not None
        self.dispatcher.leave(self.seat)


def succeeded() -> Ended:
    return Ended("succeeded", None, '{"image_count":1}', 0.25)


def failed(error: str) -> Ended:
    return Ended("failed", error, "{}", 0.1)


class HandClock:
    """Real wall time; monotonic time stands still, and goes where a test puts it."""

    def __init__(self) -> None:
        self._now = 1000.0

    def forward(self, seconds: float) -> None:
        self._now += seconds

    def wall_ms(self) -> int:
        return SystemClock().wall_ms()

    def monotonic(self) -> float:
        return self._now


def watch(dispatcher: Dispatcher, clock: HandClock, seconds: int) -> list[str]:
    """Let that much time pass and look at workers every second; who was given up as silent."""
    silent: list[str] = []
    for _ in range(seconds):
        clock.forward(1)
        silent += dispatcher.reap()
    return silent
