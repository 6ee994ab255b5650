"""Those who wait to be loaded and those who are: whose turn it is, and who must go for it.

The arithmetic is `room`'s. What a run needs is never unloaded; but once a version has waited for
long enough, those in its way take no new runs until it has had its turn.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from darkroom.protocol.messages import Key
from darkroom.worker import room_words
from darkroom.worker.resident import Resident, Stage
from darkroom.worker.room import Limits, Never, Occupant, Place, Wait, Wish, decide, excess


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What an occupancy has others do.

    Args:
        load: takes a version that there is room for now.
        unload: takes one that must go; it is inside no more.
        refuse: takes one that cannot be loaded, and why.
        ready: takes a loaded one whose users may run, some of them only now.
        log: takes attempts, and a line for them.
        arranged: called after something may have come in, gone, or been told to make way.
    """

    load: Callable[[Resident], None]
    unload: Callable[[Resident], None]
    refuse: Callable[[Resident, str], None]
    ready: Callable[[Resident], None]
    log: Callable[[Collection[Key], str], None]
    arranged: Callable[[], None]


class Occupancy:
    """Room for as many versions as there is.

    Args:
        most: how many may be inside at once; 0 is as many as memory holds.
        patience: seconds a version waits before those in its way take no new runs.
        doing: what to do about it.
    """

    def __init__(self, most: int, patience: float, doing: Doing) -> None:
        self._most = most
        self._patience = patience
        self._do = doing
        self._loop = asyncio.get_running_loop()
        self._queue: list[Resident] = []
        self._inside: dict[str, Resident] = {}  # loading or loaded; least recently used first
        self._budgets: dict[str, int] = {}
        self._arranging = False
        self._again = False
        self._closed = False

    def enter(self, resident: Resident) -> None:
        """Its weights are here: it waits for its turn."""
        resident.stage = Stage.QUEUED
        self._queue.append(resident)
        self.arrange()

    def used(self, resident: Resident) -> None:
        """A run of it is over, or will never be."""
        if resident.spec.id in self._inside:
            self._inside[resident.spec.id] = self._inside.pop(resident.spec.id)
        self.arrange()

    def weighed(self, resident: Resident, budget_bytes: int) -> None:
        """It is loaded, its size is known, and so is its host's budget unless that is 0."""
        if budget_bytes:
            self._budgets[resident.spec.kind] = budget_bytes
        self.used(resident)

    def leave(self, resident: Resident) -> None:
        """It is loaded no more."""
        self._inside.pop(resident.spec.id, None)
        resident.absent()

    def beside(self, resident: Resident) -> Sequence[Resident]:
        """The others inside that share its host."""
        return [
            one
            for one in self._inside.values()
            if one is not resident and one.spec.kind == resident.spec.kind
        ]

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    def arrange(self) -> None:
        """Load whatever there is room for; what is caused meanwhile is looked at afterwards."""
        self._again = True
        if self._arranging or self._closed:
            return
        self._arranging = True
        try:
            while self._again:
                self._again = False
                self._trim()
                self._clear_way(self._admit_waiting())
        finally:
            self._arranging = False
        self._do.arranged()

    def _trim(self) -> None:
        """Unload what has turned out to be too much, once it is idle."""
        for kind, budget_bytes in self._budgets.items():
            for one in self._these(excess(kind, self._occupants(), budget_bytes)):
                self._unload(one)

    def _admit_waiting(self) -> Sequence[Resident]:
        """Look at those who wait, the first one first; returns who is to make way."""
        in_the_way: list[Resident] = []
        closed: set[str] = set()  # kinds of which nothing may be loaded past one that waits
        for resident in list(self._queue):
            if not resident.awaited:
                self._leave_queue(resident)
            elif not closed or (not self._most and resident.spec.kind not in closed):
                until = self._place(resident)
                if until and self._impatient(resident):
                    in_the_way += until
                    closed.add(resident.spec.kind)
        return in_the_way

    def _place(self, resident: Resident) -> Sequence[Resident]:
        """Load it if there is room; returns who must go before, when their runs are over."""
        limits = self._limits(resident.spec.kind)
        match decide(_wish(resident), self._occupants(), limits):
            case Place(unload):
                self._take_in(resident, self._these(unload), limits)
                return ()
            case Never(beside):
                self._leave_queue(resident)
                self._do.refuse(resident, room_words.never(resident, self._these(beside), limits))
                return ()
            case Wait(until):
                going = self._these(until)
                self._explain(resident, room_words.waiting([one for one in going if one.users]))
                return going

    def _take_in(self, resident: Resident, unload: Sequence[Resident], limits: Limits) -> None:
        if unload:
            self._explain(resident, room_words.making(unload, limits))
        for one in unload:
            self._unload(one)
        self._leave_queue(resident)
        self._inside[resident.spec.id] = resident
        self._do.load(resident)

    def _unload(self, resident: Resident) -> None:
        self.leave(resident)
        self._do.unload(resident)

    def _impatient(self, resident: Resident) -> bool:
        """Whether it has waited for long enough; if not, it is looked at again then."""
        now = self._loop.time()
        if resident.waits_since is None:
            resident.waits_since = now
            self._loop.call_later(self._patience, self.arrange)
        return now >= resident.waits_since + self._patience

    def _clear_way(self, in_the_way: Sequence[Resident]) -> None:
        """Let these take no new users, and all others take them again."""
        for resident in list(self._inside.values()):
            if resident in in_the_way:
                resident.makes_way = True
            elif resident.makes_way:
                resident.admit()
                self._do.ready(resident)

    def _leave_queue(self, resident: Resident) -> None:
        self._queue.remove(resident)
        resident.stage = Stage.ABSENT
        resident.waits_since = None
        resident.told = ""

    def _explain(self, resident: Resident, line: str) -> None:
        if line != resident.told:
            resident.told = line
            self._do.log(list(resident.users), line)

    def _limits(self, kind: str) -> Limits:
        return Limits(most=self._most, budget_bytes=self._budgets.get(kind, 0))

    def _occupants(self) -> Sequence[Occupant]:
        """Who is inside; those that make way already stand first, so that it goes on so."""
        ordered = sorted(self._inside.values(), key=lambda one: not one.makes_way)
        return [
            Occupant(
                version=one.spec.id,
                kind=one.spec.kind,
                size_bytes=one.size_bytes,
                alone=one.alone,
                loading=one.stage is Stage.LOADING,
                in_use=bool(one.users),
                pinned=one.pinned,
            )
            for one in ordered
        ]

    def _these(self, occupants: Sequence[Occupant]) -> Sequence[Resident]:
        return [self._inside[one.version] for one in occupants]


def _wish(resident: Resident) -> Wish:
    return Wish(
        kind=resident.spec.kind,
        size_bytes=resident.size_bytes,
        measured=resident.measured,
        alone=resident.alone,
    )
