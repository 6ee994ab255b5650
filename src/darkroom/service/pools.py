"""How many workers each pool should have: from what waits, what runs, and what was so of late.

    needed = ⌈expected seconds of what waits ÷ target wait⌉ + workers that run something

kept within the pool's bounds. More are wanted at once; fewer when fewer would have done for as long
as the idle window is.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.domain.ids import VersionId
from darkroom.ports.pools import PoolCounts, Running, Waiting
from darkroom.ports.serving import Clock
from darkroom.service.seats import Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large a pool may be, how fast it shrinks, and what a worker of it takes of a cluster."""

    least: int
    most: int
    idle_seconds: float
    target_wait_seconds: float
    gpus: float = 1.0
    cpus: float = 1.0
    resources: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """A pool as it is now.

    Args:
        waiting: predictions that nobody runs; what a running limit holds back is left out.
        running: predictions that run, or stop running, anywhere.
        busy: names of the workers that run them.
        bounds: None where nobody said how large it may be; then nothing is needed or wanted either.
        needed: how many workers would do for what waits and runs now, within its bounds.
        wanted: how many it should have: the most that were needed of late.
        seats: its workers that are connected to this server.
    """

    name: str
    waiting: int
    running: int
    busy: Sequence[str]
    bounds: Bounds | None
    needed: int | None
    wanted: int | None
    seats: Sequence[Seat]


class Peak:
    """The highest number told within a window of time.

    Args:
        seconds: how long the window is.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._told: deque[tuple[float, int]] = deque()  # falling numbers, the oldest first

    def tell(self, number: int, now: float) -> int:
        """Add a number of this moment; returns the highest of the window."""
        while self._told and self._told[-1][1] <= number:
            self._told.pop()
        self._told.append((now, number))
        while now - self._told[0][0] >= self._seconds and len(self._told) > 1:
            self._told.popleft()
        return self._told[0][1]


class Demand:
    """What the pools need; made once, asked as often as one likes.

    Args:
        bounds: of the pools that are to be scaled.
        counts: what waits and runs.
        seats: the workers of this server, as they are at any moment.
        clock: its monotonic time measures the idle window.
        seconds: how long a run of a version is expected to take.
        named: pools that models and tokens name, as they are at any moment.
    """

    def __init__(
        self,
        bounds: Mapping[str, Bounds],
        counts: PoolCounts,
        seats: Callable[[], Sequence[Seat]],
        clock: Clock,
        seconds: Callable[[VersionId], float] = lambda _: 1.0,
        named: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._bounds = bounds
        self._counts = counts
        self._seats = seats
        self._clock = clock
        self._seconds = seconds
        self._named = named
        self._peaks = {name: Peak(one.idle_seconds) for name, one in bounds.items()}

    async def look(self) -> Sequence[PoolState]:
        """Every pool that has bounds, work or workers, or is named by a model or token; by name."""
        waiting, running = await self._counts.waiting(), await self._counts.running()
        names = {one.pool for one in waiting} | {one.pool for one in running}
        names |= {seat.pool for seat in self._seats()} | self._bounds.keys() | set(self._named())
        return [self._state(name, waiting, running) for name in sorted(names)]

    def _state(
        self, name: str, waiting: Sequence[Waiting], running: Sequence[Running]
    ) -> PoolState:
        waits = [one for one in waiting if one.pool == name]
        runs = [one for one in running if one.pool == name]
        needed = self._needed(name, waits, busy=len(runs))
        return PoolState(
            name=name,
            waiting=sum(one.count for one in waits),
            running=sum(one.count for one in runs),
            busy=sorted({one.worker for one in runs}),
            bounds=self._bounds.get(name),
            needed=needed,
            wanted=None if needed is None else self._of_late(name, needed),
            seats=[seat for seat in self._seats() if seat.pool == name],
        )

    def _needed(self, name: str, waits: Sequence[Waiting], *, busy: int) -> int | None:
        bounds = self._bounds.get(name)
        if bounds is None:
            return None
        seconds = sum(one.count * self._seconds(one.version) for one in waits)
        needed = math.ceil(seconds / bounds.target_wait_seconds) + busy
        return min(max(needed, bounds.least), bounds.most)

    def _of_late(self, name: str, needed: int) -> int:
        return self._peaks[name].tell(needed, self._clock.monotonic())
