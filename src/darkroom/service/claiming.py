"""What waits in the database for a slot, and who takes it when one comes back."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import VersionId
from darkroom.domain.model import Version
from darkroom.domain.prediction import Prediction
from darkroom.domain.weights_address import WEIGHTS
from darkroom.ports.predictions import Asking, Claimed, PredictionStore
from darkroom.ports.twins import Others
from darkroom.service.catalogue import Catalogue
from darkroom.service.fairness import Fairness
from darkroom.service.recording import RETRY_SECONDS
from darkroom.service.seats import COLD_RUNS, Seat

MOST_VERSIONS = 32
"""How many versions one claim looks at; where more wait, the others have their turn after them."""
_MOST_WARM = 24  # however many are loaded, others are looked at too
_log = structlog.get_logger()


class _Queue(NamedTuple):
    """What competes for the same slots."""

    pool: str
    kind: str


class Claims:
    """Claims what waits for whoever has room.

    Args:
        store: where it waits.
        catalogue: versions by id.
        fairness: in which order, and within which limits.
        seats: the workers of this server, as they are at any moment.
        others: the other servers, who hear when more of an owner's line may be claimed.
        give: called with a seat and what it has claimed.
        retry_seconds: how long after a claim that failed the next one is tried.
    """

    def __init__(  # it joins them
        self,
        *,
        store: PredictionStore,
        catalogue: Catalogue,
        fairness: Fairness,
        seats: Sequence[Seat],
        others: Others,
        give: Callable[[Seat, Prediction], None],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._fairness = fairness
        self._seats = seats
        self._others = others
        self._give = give
        self._retry_seconds = retry_seconds
        self._waiting: dict[_Queue, dict[VersionId, int]] = {}  # how often each was woken
        self._turn = 0
        self._pump: asyncio.Task[None] | None = None
        self._pump_again = False

    def waits_at(self, seat: Seat, version: Version) -> bool:
        """Whether something may wait that *seat* could take instead of *version*."""
        woken = self._waiting.get(_Queue(version.pool, version.kind), ())
        return any(seat.free(self._catalogue.version(id_)[1]) for id_ in woken)

    def wake(self, version: Version) -> None:
        """Something waits for *version*; claim it if there is a slot."""
        woken = self._waiting.setdefault(_Queue(version.pool, version.kind), {})
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
            for queue in [queue for queue, woken in self._waiting.items() if woken]:
                for seat in self._askers(queue):
                    try:
                        await self._claim_for(seat, queue)
                    except StoreBusy as error:
                        _log.warning("claim.failed", error=str(error))
                        self._start_later()
                    except Exception:  # noqa: BLE001  # one claim's fault must not stop all others
                        _log.exception("claim.failed")
                        self._start_later()

    def _start_later(self) -> None:
        asyncio.get_running_loop().call_later(self._retry_seconds, self._start)

    def _askers(self, queue: _Queue) -> Sequence[Seat]:
        """Whoever may have room, the least busy first."""
        woken = self._waiting[queue]
        seats = [seat for seat in self._seats if seat.pool == queue.pool]
        if len(seats) > 1:
            seats.sort(key=lambda seat: seat.burden(queue.kind, woken))
        return seats

    async def _claim_for(self, seat: Seat, queue: _Queue) -> None:
        before = dict(self._waiting[queue])
        free = {id_: self._room_for(self._catalogue.version(id_)[1], seat) for id_ in before}
        eligible = [id_ for id_, room in free.items() if room]
        if not eligible:
            return
        bonuses = self._bonuses(seat, eligible)
        most = min(*(free[id_] for id_ in bonuses), self._share(seat, queue, bonuses))
        asking = Asking(
            holder=seat.holder,
            bonuses=bonuses,
            most=most,
            running_limit=self._fairness.owners.running_limit,
        )
        seat.reserve(queue.kind, most)
        try:
            claimed = await self._store.claim(asking)
        finally:
            seat.reserve(queue.kind, -most)
        if len(claimed) == most or len(bonuses) < len(eligible):
            self._pump_again = True
        if len(claimed) < most:
            self._sleep(queue, {id_: before[id_] for id_ in bonuses})
        for one in claimed:
            self._take(seat, one)

    def _room_for(self, version: Version, seat: Seat) -> int:
        """How many runs it may claim: none that it could not load while others have room for it."""
        if version.id in seat.troubles and any(
            one.free(version) for one in self._seats if version.id not in one.troubles
        ):
            return 0
        return seat.free(version)

    def _share(self, seat: Seat, queue: _Queue, wanted: Iterable[VersionId]) -> int:
        """How many runs *seat* claims before others do: as many as bring it level with the next.

        Where no weights are to be loaded nothing is gained by sharing, and one claim costs less.
        """
        if not any(WEIGHTS in self._catalogue.version(id_)[1].config for id_ in wanted):
            return seat.spare(queue.kind)
        others = [
            one.used.get(queue.kind, 0)
            for one in self._seats
            if one is not seat and one.pool == queue.pool and one.spare(queue.kind)
        ]
        if not others:
            return seat.spare(queue.kind)
        return max(COLD_RUNS, min(others) - seat.used.get(queue.kind, 0))

    def _bonuses(self, seat: Seat, eligible: Sequence[VersionId]) -> Mapping[VersionId, float]:
        """What to look at now: what is loaded, at the price of loading it, and others in turn."""
        warm = [id_ for id_ in eligible if seat.warm(id_)]
        bonuses = dict.fromkeys(eligible, 0.0)
        bonuses |= {id_: self._fairness.costs.load_seconds(id_) for id_ in warm}
        if len(eligible) <= MOST_VERSIONS:
            return bonuses
        looked = warm[:_MOST_WARM]
        rest = [id_ for id_ in eligible if id_ not in looked]
        rest.sort(key=warm.__contains__)
        room = MOST_VERSIONS - len(looked)
        turn, self._turn = self._turn, self._turn + room
        looked += [rest[(turn + number) % len(rest)] for number in range(room)]
        return {id_: bonuses[id_] for id_ in looked}

    def _sleep(self, queue: _Queue, asked: Mapping[VersionId, int]) -> None:
        """Nothing waits for these any more, except for what was woken meanwhile."""
        woken = self._waiting[queue]
        for id_, times in asked.items():
            if woken.get(id_) == times:
                del woken[id_]

    def _take(self, seat: Seat, one: Claimed) -> None:
        version = self._catalogue.version(one.prediction.version)[1]
        self._fairness.claimed(one, version)
        if self._fairness.owners.running_limit(one.prediction.owner):
            self._others.waits(version.id)  # the next in line may be claimed by anybody
        self._give(seat, one.prediction)
