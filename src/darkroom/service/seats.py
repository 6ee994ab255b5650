"""A connected worker and the slots it grants."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from darkroom.domain.ids import DEFAULT_POOL, VersionId
from darkroom.domain.model import Version
from darkroom.domain.weights_address import WEIGHTS
from darkroom.ports.predictions import Holder
from darkroom.protocol.messages import OLDEST_PROTOCOL, Key

COLD_RUNS = 2
"""A worker that would have to load a version first counts as if it had so many more runs."""
_BEATS_TO_BE_MISSED = 2


@dataclass(frozen=True, slots=True)
class Held:
    """A run that takes a slot: of what, and how many beats had come when it was sent."""

    kind: str
    version: VersionId
    beats: int


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """One connected worker, and the pool whose predictions it runs.

    It speaks every protocol up to `protocol`. While it is `quiet`, beats are missing: its line may
    lead nowhere, and it gets nothing more. `resident` are the versions it has loaded, `closed`
    those of them that take no new runs, `troubles` tells of others why it could not load them,
    `asked` are those it was asked to load since its last beat.
    """

    holder: Holder
    pool: str = DEFAULT_POOL
    slots: dict[str, int]
    send: Callable[[object], None]
    close: Callable[[], None]
    heard_at: float
    protocol: int = OLDEST_PROTOCOL
    held: dict[Key, Held] = field(default_factory=dict[Key, Held])
    used: dict[str, int] = field(default_factory=dict[str, int])
    known: set[VersionId] = field(default_factory=set[VersionId])
    resident: Sequence[str] = ()
    closed: Sequence[str] = ()
    troubles: Mapping[str, str] = field(default_factory=dict[str, str])
    asked: set[str] = field(default_factory=set[str])
    beats: int = 0
    draining: bool = False
    quiet: bool = False

    def free(self, version: Version) -> int:
        """How many more runs of *version* this worker takes now.

        Of versions that it must load first, which may have to wait for room, it takes no more than
        half of its slots at once: the others are for what is loaded.
        """
        room = self.spare(version.kind) if version.pool == self.pool else 0
        if room > 0 and version.concurrency < self.slots[version.kind]:
            running = sum(1 for held in self.held.values() if held.version == version.id)
            room = min(room, version.concurrency - running)
        if room > 0 and WEIGHTS in version.config and not self.ready(version.id):
            most = max(self.slots[version.kind] // 2, 1)
            room = min(room, most - self._not_ready(version.kind))
        return max(room, 0)

    def spare(self, kind: str) -> int:
        """How many slots of *kind* can be given now."""
        if self.draining or self.quiet:
            return 0
        return max(self.slots.get(kind, 0) - self.used.get(kind, 0), 0)

    def ready(self, version: VersionId) -> bool:
        """Whether a run of *version* could begin at once, as far as the worker has told."""
        return version in self.resident and version not in self.closed

    def warm(self, version: VersionId) -> bool:
        """Whether *version* takes runs there, or is being loaded for one it holds."""
        if version in self.resident:
            return version not in self.closed
        return any(held.version == version for held in self.held.values())

    def burden(self, kind: str, versions: Iterable[VersionId]) -> int:
        """How many runs of *kind* are under way; `COLD_RUNS` more if none of *versions* is warm."""
        return self.used.get(kind, 0) + (0 if any(map(self.warm, versions)) else COLD_RUNS)

    def _not_ready(self, kind: str) -> int:
        """How many runs of *kind* it holds whose version may be waiting for room."""
        held = self.held.values()
        return sum(1 for one in held if one.kind == kind and not self.ready(one.version))

    def ask(self, version: VersionId) -> None:
        """It is asked to load *version*: what was in the way before may be so no more."""
        self.asked.add(version)
        self.troubles = {id_: why for id_, why in self.troubles.items() if id_ != version}

    def stands(
        self, resident: Sequence[str], troubles: Mapping[str, str], closed: Sequence[str] = ()
    ) -> bool:
        """Its beat tells what it has loaded and could not load; returns whether that has changed.

        The first beat after it was asked may have crossed that on the way.
        """
        before = set(self.resident), set(self.closed)
        self.resident, self.closed = resident, closed
        self.troubles = {id_: why for id_, why in troubles.items() if id_ not in self.asked}
        self.asked.clear()
        return before != (set(resident), set(closed))

    def reserve(self, kind: str, count: int) -> None:
        """Count slots that are promised to runs not known yet; undone by a negative *count*."""
        self.used[kind] = self.used.get(kind, 0) + count

    def take(self, key: Key, version: Version) -> None:
        """Count a run that goes to this worker."""
        self.hold(key, version.kind, version.id)

    def hold(self, key: Key, kind: str, version: VersionId) -> None:
        """Count a run that this worker has."""
        self.held[key] = Held(kind, version, self.beats)
        self.reserve(kind, 1)

    def give_back(self, key: Key) -> None:
        """Count a run that is over; nothing happens if it was counted already."""
        held = self.held.pop(key, None)
        if held is not None:
            self.reserve(held.kind, -1)

    def missed(self, listed: Sequence[Key]) -> list[Key]:
        """Runs this worker was sent two beats ago or earlier and does not list: they got lost."""
        self.beats += 1
        known = set(listed)
        return [
            key
            for key, held in self.held.items()
            if key not in known and self.beats - held.beats > _BEATS_TO_BE_MISSED
        ]


def best(seats: Sequence[Seat], version: Version) -> Seat | None:
    """Who is to run *version* now: whoever has the fewest runs under way.

    A worker that would have to load it first counts as if it had `COLD_RUNS` more; one that could
    not load it when that was last tried comes last. Of equals, the one with most room.
    """
    free = [seat for seat in seats if seat.free(version)]
    if len(free) < 2:  # there is nothing to choose
        return free[0] if free else None
    return min(free, key=partial(_rank, version))


def _rank(version: Version, seat: Seat) -> tuple[bool, int, int, int]:
    burden = seat.burden(version.kind, [version.id])
    used = seat.used.get(version.kind, 0)
    return version.id in seat.troubles, burden, used, -seat.free(version)
