"""What waits in the database for a slot, and who takes it when one comes back."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import VersionId
from darkroom.domain.model import Version
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import PredictionStore
from darkroom.service.catalogue import Catalogue
from darkroom.service.recording import RETRY_SECONDS
from darkroom.service.seats import Seat

_log = structlog.get_logger()


class Claims:
    """Claims what waits for whoever has room.

    Args:
        store: where it waits.
        catalogue: versions by id.
        seats: the workers of this server, as they are at any moment.
        give: called with a seat and what it has claimed.
    """

    def __init__(
        self,
        *,
        store: PredictionStore,
        catalogue: Catalogue,
        seats: Sequence[Seat],
        give: Callable[[Seat, Prediction], None],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._seats = seats
        self._give = give
        self._waiting: dict[str, dict[VersionId, int]] = {}  # by kind: how often each was woken
        self._pump: asyncio.Task[None] | None = None
        self._pump_again = False

    def waits_for(self, kind: str) -> bool:
        """Whether something may wait for a slot of *kind*."""
        return bool(self._waiting.get(kind))

    def wake(self, version: Version) -> None:
        """Something waits for *version*; claim it if there is a slot."""
        woken = self._waiting.setdefault(version.kind, {})
        woken[version.id] = woken.get(version.id, 0) + 1
        self._start()

    def room(self) -> None:
        """A slot has come back, or a worker has come."""
        if any(self._waiting.values()):
            self._start()

    def _start(self) -> None:
        self._pump_again = True
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._claim_all())

    async def _claim_all(self) -> None:
        while self._pump_again:
            self._pump_again = False
            for seat in list(self._seats):
                for kind in [kind for kind, woken in self._waiting.items() if woken]:
                    try:
                        await self._claim_for(seat, kind)
                    except StoreBusy as error:
                        _log.warning("claim.failed", error=str(error))
                        asyncio.get_running_loop().call_later(RETRY_SECONDS, self._start)

    async def _claim_for(self, seat: Seat, kind: str) -> None:
        before = dict(self._waiting[kind])
        free = {id_: seat.free(self._catalogue.version(id_)[1]) for id_ in before}
        eligible = [id_ for id_, room in free.items() if room]
        if not eligible:
            return
        most = min(free[id_] for id_ in eligible)
        seat.reserve(kind, most)
        try:
            claimed = await self._store.claim(eligible, seat.holder, most)
        finally:
            seat.reserve(kind, -most)
        woken = self._waiting[kind]
        if len(claimed) == most:
            self._pump_again = True
        else:
            for id_ in eligible:
                if woken.get(id_) == before[id_]:
                    del woken[id_]
        for prediction in claimed:
            self._give(seat, prediction)
