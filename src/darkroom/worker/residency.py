"""Which versions are loaded, and whom to unload for another."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from darkroom.domain.errors import PeerMisbehaved
from darkroom.ports.running import WeightsSource
from darkroom.protocol.messages import Key, Load, Unload, VersionSpec

WEIGHTS = "weights"  # a version whose configuration names none takes no room


class Stage(Enum):
    """How far a version is on its way into a host."""

    ABSENT = auto()
    FETCHING = auto()  # its weights are on their way to this machine
    QUEUED = auto()  # there is no room, every other version is in use
    LOADING = auto()
    READY = auto()


@dataclass(slots=True, kw_only=True, eq=False)
class Resident:
    """A version this worker knows, and the attempts that need it.

    `load_seconds` is what fetching and loading took the last time, without waiting for room.
    """

    spec: VersionSpec
    ready_spec: VersionSpec
    stage: Stage = Stage.ABSENT
    loads: int = 0
    fetch_seconds: float = 0.0
    load_began_at: float = 0.0
    load_seconds: float = 0.0
    users: dict[Key, None] = field(default_factory=dict[Key, None])

    @property
    def takes_room(self) -> bool:
        """Whether it counts against the limit."""
        return WEIGHTS in self.spec.config


class Residency:
    """Loads what attempts need, at most so many at once, least recently used out first.

    Args:
        limit: how many versions with weights may be loaded at once.
        weights: brings weights to this machine.
        send: sends `Load` or `Unload` to the host of a kind.
        failed: takes a version that cannot be loaded, and the reason.
        log: takes a version that is on its way, and a line for whoever waits.
    """

    def __init__(
        self,
        limit: int,
        weights: WeightsSource,
        *,
        send: Callable[[str, Load | Unload], None],
        failed: Callable[[Resident, str], None],
        log: Callable[[Resident, str], None],
    ) -> None:
        self._limit = limit
        self._weights = weights
        self._send = send
        self._failed = failed
        self._log = log
        self._known: dict[str, Resident] = {}
        self._queue: list[Resident] = []
        self._room: dict[str, Resident] = {}  # loading or loaded; least recently used first
        self._tasks: set[asyncio.Task[None]] = set()

    def know(self, spec: VersionSpec) -> None:
        """Remember what a version is; one that is known already stays as it is."""
        self._known.setdefault(spec.id, Resident(spec=spec, ready_spec=spec))

    def find(self, version: str) -> Resident:
        """A version the server has described.

        Raises:
            PeerMisbehaved: it has not.
        """
        resident = self._known.get(version)
        if resident is None:
            raise PeerMisbehaved(f"version {version} was never described")
        return resident

    @property
    def resident(self) -> list[str]:
        """Ids of all loaded versions."""
        return [one.spec.id for one in self._known.values() if one.stage is Stage.READY]

    @property
    def load_seconds(self) -> dict[str, float]:
        """How long each loaded version took to fetch and load."""
        ready = (one for one in self._known.values() if one.stage is Stage.READY)
        return {one.spec.id: one.load_seconds for one in ready}

    def need(self, resident: Resident, key: Key) -> bool:
        """Count *key* among its users and load it if it is not; returns whether it is ready."""
        resident.users[key] = None
        if resident.stage is Stage.ABSENT:
            self._fetch(resident)
        return resident.stage is Stage.READY

    def release(self, resident: Resident, key: Key) -> None:
        """*key* needs it no more."""
        resident.users.pop(key, None)
        if not resident.takes_room:
            return
        if resident.spec.id in self._room:
            self._room[resident.spec.id] = self._room.pop(resident.spec.id)
        self._make_room()

    def loaded(self, version: str) -> Resident:
        """Its host has set it up."""
        resident = self._loading(version)
        resident.stage = Stage.READY
        loading = asyncio.get_running_loop().time() - resident.load_began_at
        resident.load_seconds = resident.fetch_seconds + loading
        self._make_room()
        return resident

    def not_loaded(self, version: str, error: str) -> None:
        """Its host could not."""
        resident = self._loading(version)
        self._drop(resident)
        self._failed(resident, error)
        self._make_room()

    def lost(self, kind: str) -> list[Resident]:
        """The host of *kind* is gone; returns the versions that were being loaded in it."""
        inside = [
            one
            for one in self._known.values()
            if one.spec.kind == kind and one.stage in (Stage.LOADING, Stage.READY)
        ]
        loading = [one for one in inside if one.stage is Stage.LOADING]
        for one in inside:
            self._drop(one)
        self._make_room()
        return loading

    def close(self) -> None:
        """Stop fetching."""
        for task in list(self._tasks):
            task.cancel()

    def _loading(self, version: str) -> Resident:
        resident = self._known.get(version)
        if resident is None or resident.stage is not Stage.LOADING:
            raise PeerMisbehaved(f"version {version} is not being loaded")
        return resident

    def _fetch(self, resident: Resident) -> None:
        if not resident.takes_room:
            self._load(resident)
            return
        resident.stage = Stage.FETCHING
        task = asyncio.get_running_loop().create_task(self._provide(resident))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _provide(self, resident: Resident) -> None:
        began_at = asyncio.get_running_loop().time()
        try:
            resident.ready_spec = await self._weights.provide(
                resident.spec, lambda line: self._log(resident, line)
            )
        except Exception as error:  # noqa: BLE001  # whatever an adapter raises, a run must end
            resident.stage = Stage.ABSENT
            self._failed(resident, str(error) or type(error).__name__)
            return
        resident.fetch_seconds = asyncio.get_running_loop().time() - began_at
        resident.stage = Stage.QUEUED
        self._queue.append(resident)
        self._make_room()

    def _make_room(self) -> None:
        while self._queue:
            if not self._queue[0].users:  # nobody waits any more
                self._queue.pop(0).stage = Stage.ABSENT
                continue
            if len(self._room) >= self._limit and not self._evict(self._room.values()):
                return
            resident = self._queue.pop(0)
            self._room[resident.spec.id] = resident
            self._load(resident)

    def _evict(self, candidates: Iterable[Resident]) -> bool:
        for one in candidates:
            if one.stage is Stage.READY and not one.users:
                self._send(one.spec.kind, Unload(one.spec.id))
                self._drop(one)
                return True
        return False

    def _load(self, resident: Resident) -> None:
        resident.stage = Stage.LOADING
        resident.loads += 1
        resident.load_began_at = asyncio.get_running_loop().time()
        self._send(resident.spec.kind, Load(resident.ready_spec))

    def _drop(self, resident: Resident) -> None:
        resident.stage = Stage.ABSENT
        self._room.pop(resident.spec.id, None)
