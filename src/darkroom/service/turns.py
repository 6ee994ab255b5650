"""Keeps fair turns and running limits true: at the start, beside other servers, after each end."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain, repeat

from darkroom.domain.errors import NotFound, StoreBusy
from darkroom.domain.ids import Owner, VersionId, first_id
from darkroom.domain.model import Version
from darkroom.domain.prediction import Prediction
from darkroom.ports.serving import Clock
from darkroom.ports.turns import TurnStore
from darkroom.service.catalogue import Catalogue
from darkroom.service.fairness import Fairness

LOOK_SECONDS = 3.0
_LOOK_BACK_MS = 10_000
_MOST_ACCEPTED = 2000
_MOST_RUNS = 500
_LOOKS_TO_MEND = 20
_RETRY_SECONDS = (0.05, 0.2, 1.0, 5.0)


class Turns:
    """What fairness learns from the store, and lines of owners that move on.

    Args:
        store: what waits.
        fairness: learns.
        catalogue: versions by id.
        clock: its wall time says which ids are new.
        wake: called with each version that an owner waits for whose line may have moved.
        retry_seconds: pauses where a line cannot be looked at now; the last one from then on.
    """

    def __init__(
        self,
        *,
        store: TurnStore,
        fairness: Fairness,
        catalogue: Catalogue,
        clock: Clock,
        wake: Callable[[Version], None],
        retry_seconds: Sequence[float] = _RETRY_SECONDS,
    ) -> None:
        self._store = store
        self._fairness = fairness
        self._catalogue = catalogue
        self._clock = clock
        self._wake = wake
        self._retry_seconds = retry_seconds
        self._moving: dict[Owner, asyncio.Task[None]] = {}
        self._again: set[Owner] = set()
        self._looks = 0

    async def recover(self) -> None:
        """Take up what an earlier server left: turns, and limits that have changed since.

        Raises:
            StoreBusy: the database does not answer now.
        """
        self._fairness.costs.heard(await self._store.run_seconds(_MOST_RUNS))
        found = await self._store.waiting()
        known = [(self._known(one.version), one) for one in found]
        self._fairness.found_waiting([(version, one) for version, one in known if version])
        limit_of = self._fairness.owners.running_limit
        wrong = {one.owner for one in found if one.limited is not bool(limit_of(one.owner))}
        for owner in sorted(wrong):
            await self._store.limit(owner, limited=bool(limit_of(owner)))
        await self._mend()

    async def look(self) -> None:
        """Learn what other servers have accepted, and what runs took there.

        Raises:
            StoreBusy: the database does not answer now.
        """
        since = first_id(self._clock.wall_ms() - _LOOK_BACK_MS)
        for one in await self._store.elsewhere(since, _MOST_ACCEPTED):
            version = self._known(one.version)
            if version is not None:
                self._fairness.found_elsewhere(version, one)
        self._fairness.costs.heard(await self._store.run_seconds(_MOST_RUNS))
        self._fairness.forget()
        self._looks += 1
        if self._looks % _LOOKS_TO_MEND == 0:  # a server may have died between an end and the next
            await self._mend()

    async def _mend(self) -> None:
        for owner in await self._store.lined():
            for version in await self._store.advance(owner) or ():
                self._woken(version)

    def changed(self, prediction: Prediction) -> None:
        """A prediction has changed here; for `Hub.announce`."""
        if prediction.terminal and prediction.attempt == 0:
            version = self._known(prediction.version)
            if version is not None:
                self._fairness.withdrawn(prediction, version)
        if not prediction.claimed and self._fairness.owners.running_limit(prediction.owner):
            self._move(prediction.owner)

    def _move(self, owner: Owner) -> None:
        """One of *owner* runs or waits no more: the next in its lines may come forward."""
        if owner in self._moving:
            self._again.add(owner)
            return
        task = self._moving[owner] = asyncio.ensure_future(self._moved(owner))
        task.add_done_callback(lambda _: self._rested(owner))

    def _rested(self, owner: Owner) -> None:
        del self._moving[owner]
        if owner in self._again:
            self._again.discard(owner)
            self._move(owner)

    async def _moved(self, owner: Owner) -> None:
        for pause in chain(self._retry_seconds, repeat(self._retry_seconds[-1])):
            try:
                versions = await self._store.advance(owner)
            except StoreBusy:
                versions = None
            if versions is not None:
                for version in versions:
                    self._woken(version)
                return
            await asyncio.sleep(pause)

    def _woken(self, version: VersionId) -> None:
        known = self._known(version)
        if known is not None:
            self._wake(known)

    def _known(self, version: VersionId) -> Version | None:
        try:
            return self._catalogue.version(version)[1]
        except NotFound:  # another server serves it, or will
            return None
