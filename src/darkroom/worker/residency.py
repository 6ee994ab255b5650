"""Brings versions into hosts: their weights to this machine, then a load as soon as there is room.

Who is loaded and who goes is `occupancy`'s to say.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from darkroom.ports.running import WeightsSource
from darkroom.protocol.messages import Key, Load, Loaded, Unload, VersionSpec
from darkroom.worker import room_words
from darkroom.worker.occupancy import Doing, Occupancy
from darkroom.worker.resident import Resident, Residents, Stage, size_on_disk

_log = structlog.get_logger()
_NO_MEMORY = ("out of memory", "can't allocate memory")  # of a card, of a CPU
_DIED = "the model's process ended while it was loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Whom a residency tells.

    Args:
        send: takes `Load` or `Unload` for the host of a kind.
        ready: takes a version whose users may run, some of them only now.
        failed: takes a version that cannot be loaded, and the reason.
        log: takes attempts that wait, and a line for them.
    """

    send: Callable[[str, Load | Unload], None]
    ready: Callable[[Resident], None]
    failed: Callable[[Resident, str], None]
    log: Callable[[Collection[Key], str], None]


class Residency:
    """Loads what attempts need or what is to be kept, as many at once as there is room for.

    Args:
        most: how many versions with weights may be loaded at once; 0 is as many as memory holds.
        patience: seconds a version waits before those in its way take no new runs.
        weights: brings weights to this machine.
        tell: whom it tells.
    """

    def __init__(self, most: int, patience: float, weights: WeightsSource, tell: Listeners) -> None:
        self.versions = Residents()
        self._weights = weights
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._occupancy = Occupancy(
            most,
            patience,
            Doing(
                load=self._load,
                unload=self._unload,
                refuse=self._refuse,
                ready=tell.ready,
                log=tell.log,
                arranged=self.versions.look,
            ),
        )

    def know(self, spec: VersionSpec) -> Resident:
        """Remember what a version is; what it was before goes once no run needs that."""
        resident = self.versions.know(spec)
        self._renew(spec.id)
        if resident.stage is Stage.BEHIND:
            resident.told = room_words.renewed(resident)
        self.versions.look()
        return resident

    def need(self, resident: Resident, key: Key) -> bool:
        """Count *key* among its users and load it if it is not; returns whether it may run."""
        if resident.makes_way and key not in resident.users:
            if key not in resident.later:
                resident.later[key] = None
                self._tell.log([key], room_words.making_way(resident))
            return False
        if key not in resident.users:
            resident.users[key] = None
            if resident.told:
                self._tell.log([key], resident.told)
        if resident.stage is Stage.ABSENT:
            self._fetch(resident)
        return resident.stage is Stage.READY

    def release(self, resident: Resident, key: Key) -> None:
        """*key* needs it no more."""
        resident.users.pop(key, None)
        resident.later.pop(key, None)
        if resident.takes_room:
            self._occupancy.used(resident)
        self._renew(resident.spec.id)

    def keep(self, resident: Resident, *, pinned: bool, load: bool) -> None:
        """Pin it, or take its pin back; with *load*, load it whether or not a run needs it."""
        resident.pinned = pinned
        if load and resident.stage is not Stage.READY:
            resident.warming = True
            if resident.stage is Stage.ABSENT:
                self._fetch(resident)
        self._occupancy.arrange()

    def loaded(self, message: Loaded) -> None:
        """Its host has set it up, and tells what that takes; its users may run.

        Raises:
            PeerMisbehaved: it was not asked to.
        """
        resident = self.versions.loading(message.version)
        resident.stage = Stage.READY
        resident.warming = False
        resident.load_seconds = resident.fetch_seconds + self._loop.time() - resident.load_began_at
        if message.weights_bytes:
            resident.size_bytes, resident.measured = message.weights_bytes, True
        self._tell.ready(resident)
        if resident.takes_room:
            self._occupancy.weighed(resident, message.budget_bytes)
        self._renew(message.version)

    def not_loaded(self, version: str, error: str) -> None:
        """Its host could not. One that ran out of memory beside others is tried again, alone.

        Raises:
            PeerMisbehaved: it was not asked to.
        """
        resident = self.versions.loading(version)
        alone = _out_of_memory(error) and self._to_be_alone(resident)
        self._occupancy.leave(resident)
        if alone:
            self._fetch(resident)
        else:
            self._refuse(resident, error)
        self._renew(version)
        self._occupancy.arrange()

    def lost(self, kind: str, *, starved: bool) -> list[Resident]:
        """The host of *kind* is gone; returns the versions whose loading ended with it.

        Args:
            kind: of the host.
            starved: it may have been killed for want of memory. What it was loading beside others
                is not returned then: it is to be tried again, alone.
        """
        inside = self.versions.in_host(kind)
        loading = [one for one in inside if one.stage is Stage.LOADING]
        ended = [one for one in loading if not (starved and self._to_be_alone(one))]
        for one in inside:
            self._occupancy.leave(one)
        for one in ended:
            one.warming, one.trouble = False, one.trouble or _DIED
        for one in inside:
            if one not in ended and (one.pinned or one.warming):
                self._fetch(one)
            self._renew(one.spec.id)
        self._occupancy.arrange()
        return ended

    def unpin(self) -> None:
        """Take back every pin; nothing is unloaded until something needs the room."""
        for one in self.versions.all:
            one.pinned = False

    def close(self) -> None:
        """Fetch and load nothing more."""
        self._occupancy.close()
        for task in list(self._tasks):
            task.cancel()

    def _to_be_alone(self, resident: Resident) -> bool:
        """Remember that it does not fit beside others; False if it was alone, or that is known."""
        others = self._occupancy.beside(resident)
        if resident.alone or not others or not resident.takes_room:
            return False
        resident.alone = True
        self._tell.log(list(resident.users), room_words.not_beside(others))
        return True

    def _renew(self, version: str) -> None:
        """Let go what a version was before and nothing needs any more; then the next may come."""
        gone = self.versions.dismiss(version)
        for one in gone:
            if one.stage is Stage.READY:
                self._occupancy.leave(one)
                self._unload(one)
        first = self.versions.first(version)
        if first.stage is Stage.BEHIND:
            first.stage, first.told = Stage.ABSENT, ""
            if first.awaited:
                self._fetch(first)
        if gone:
            self._occupancy.arrange()

    def _fetch(self, resident: Resident) -> None:
        resident.trouble = None
        if not resident.takes_room:
            self._load(resident)
            return
        resident.stage = Stage.FETCHING
        task = self._loop.create_task(self._provide(resident))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _provide(self, resident: Resident) -> None:
        began_at = self._loop.time()
        try:
            resident.ready_spec = await self._weights.provide(
                resident.spec, lambda line: self._tell.log(list(resident.users), line)
            )
            if not resident.measured:
                resident.size_bytes = await asyncio.to_thread(size_on_disk, resident.ready_spec)
        except Exception as error:  # noqa: BLE001  # whatever an adapter raises, a run must end
            resident.absent()
            self._refuse(resident, str(error) or type(error).__name__)
            return
        resident.fetch_seconds = self._loop.time() - began_at
        self._occupancy.enter(resident)

    def _load(self, resident: Resident) -> None:
        resident.stage = Stage.LOADING
        resident.loads += 1
        resident.load_began_at = self._loop.time()
        self._tell.send(resident.spec.kind, Load(resident.ready_spec))

    def _unload(self, resident: Resident) -> None:
        _log.info("version.unloaded", version=resident.spec.id, model=resident.spec.model)
        self._tell.send(resident.spec.kind, Unload(resident.spec.id))
        if resident.awaited:  # by those who came while it made way
            self._fetch(resident)

    def _refuse(self, resident: Resident, why: str) -> None:
        resident.warming = False
        resident.trouble = why
        _log.warning("version.not_loaded", version=resident.spec.id, why=why)
        self._tell.failed(resident, why)


def _out_of_memory(error: str) -> bool:
    """Whether a host says that memory ran out, in its own words, PyTorch's or Python's."""
    told = error.lower()
    return told.startswith("memoryerror") or any(words in told for words in _NO_MEMORY)
