"""Which workers are here, and what becomes of what they hold when they are not.

What a local worker holds ends with its connection. A remote worker outlives its connections and
its servers: when its line is gone it is absent, and it may come back and go on, here or at another
server. Only a silence that this server has itself watched through ends its attempts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import structlog

from darkroom.domain.errors import NotFound, PeerMisbehaved
from darkroom.domain.ids import PredictionId, VersionId, WorkerId
from darkroom.domain.model import Version
from darkroom.domain.prediction import Outcome
from darkroom.ports.predictions import (
    NOT_THERE,
    Adopted,
    Holder,
    Lease,
    LiveAttempt,
    Lost,
)
from darkroom.ports.serving import Clock
from darkroom.protocol.messages import Drain, Hello, Key, Stop
from darkroom.service.seats import Seat
from darkroom.service.watched import WatchedTime

_log = structlog.get_logger()
MOST_HELD = 10_000
"""Attempts that a worker may say it holds; far more than it can."""
_QUIET = 0.4
"""Of the time after which a worker counts as silent: two of its beats did not come."""
_LATELY_MS = 60_000
"""Longer than a line can seem to stand that does not: its worker is silent here by then."""
_GONE = "its worker went away."
_STOPPED = "its worker was stopped."
_NOT_BACK = "its worker did not come back."
_ANEW = "its worker was started anew."

_Life: TypeAlias = tuple[WorkerId, int]


class Returns(Protocol):
    """Where remote workers are, and what they hold, as the database has it."""

    def adopt(self, holder: Holder, held: Sequence[tuple[PredictionId, int]]) -> Awaitable[Adopted]:
        """See `ports.predictions.Attempts`."""
        ...

    async def departed(self, within_ms: int) -> Sequence[Holder]:
        """See `ports.predictions.Attempts`."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Absence:
    """A remote worker that is not connected here, and what it held; `coming` while it comes."""

    holder: Holder
    held: set[Key]
    since: float
    draining: bool = False
    coming: bool = False


class Attendance:
    """Seats workers, misses them, and gives up what they held.

    Args:
        attempts: where a worker that comes back finds its attempts.
        version: a version of the catalogue; raises NotFound.
        clock: its monotonic time counts, as far as it was watched through.
        silence_seconds: how long a worker may be silent or absent.
        give_up: called with each attempt that nobody runs any more.
    """

    def __init__(
        self,
        *,
        attempts: Returns,
        version: Callable[[VersionId], Version],
        clock: Clock,
        silence_seconds: float,
        give_up: Callable[[Lost], None],
    ) -> None:
        self._attempts = attempts
        self._version = version
        self._time = WatchedTime(clock)
        self._silence = silence_seconds
        self._give_up = give_up
        self._absent: dict[_Life, Absence] = {}
        self._parting = False
        self._empty = asyncio.Event()
        self.seats: list[Seat] = []
        self.greeters: list[Callable[[Seat], None]] = []

    @property
    def now(self) -> float:
        """Seconds that this server has watched through."""
        return self._time.now

    def heard(self, seat: Seat) -> bool:
        """A worker has told something; returns whether it takes runs again that it could not."""
        seat.heard_at = self.now
        was_quiet, seat.quiet = seat.quiet, False
        return was_quiet

    # ── coming ──

    def seat(self, seat: Seat) -> None:
        """A worker is here."""
        self.seats.append(seat)
        self._empty.clear()
        _log.info("worker.joined", worker=seat.holder.worker, slots=seat.slots, held=len(seat.held))
        for greet in self.greeters:
            greet(seat)

    async def rejoin(
        self,
        hello: Hello,
        *,
        pool: str,
        send: Callable[[object], None],
        close: Callable[[], None],
    ) -> tuple[Seat, list[Key]]:
        """Seat a remote worker with what it holds and may go on with; the latter is returned.

        Raises:
            PeerMisbehaved: it cannot be let in, now or under this name.
            StoreBusy: the database does not answer now; it may come again.
        """
        if len(hello.held) > MOST_HELD:
            raise PeerMisbehaved(f"worker {hello.worker} says it holds more than {MOST_HELD} runs")
        holder = Holder(worker=WorkerId(hello.worker), incarnation=hello.incarnation, remote=True)
        self._let_in(holder)
        known = self._known(holder)
        absence = self._expected(holder, hello.held)
        absence.coming = True
        try:
            found = await self._attempts.adopt(
                holder, [(PredictionId(id_), attempt) for id_, attempt in hello.held]
            )
        finally:
            absence.coming = False
            absence.since = self.now
        if self._absent.get(_life(holder)) is not absence or self._parting:
            raise PeerMisbehaved(f"worker {hello.worker} has come again meanwhile, or too late")
        del self._absent[_life(holder)]
        seat = Seat(
            holder=holder,
            pool=pool,
            slots=dict(hello.slots),
            send=send,
            close=close,
            heard_at=self.now,
            protocol=hello.protocol,
        )
        kept = self._resume(seat, found)
        self._give_up_orphans(holder, known.difference(kept), found.orphans)
        self.seat(seat)
        return seat, kept

    def expect(self, live: LiveAttempt) -> None:
        """An attempt whose remote worker may come, as after a restart of this server."""
        self._expected(live.holder, [(live.prediction, live.attempt)])

    def _let_in(self, holder: Holder) -> None:
        """End what is here of the worker's earlier lives and lines; refuse who is not its next."""
        if self._parting:
            raise PeerMisbehaved("this server is stopping; come to another one, or later")
        for seat in [one for one in self.seats if one.holder.worker == holder.worker]:
            living = self.now - seat.heard_at <= self._silence * _QUIET
            if seat.holder == holder:
                self.leave(seat)
            elif living or not _older(seat.holder, holder):
                raise _same_name(holder)
            else:
                self._lose(seat, _ANEW)
            seat.close()
        for life, absence in list(self._absent.items()):
            if life[0] != holder.worker or absence.holder == holder:
                continue
            if not _older(absence.holder, holder):
                raise _same_name(holder)
            self._forget(absence, Outcome.LOST, _ANEW)

    def _expected(self, holder: Holder, held: Iterable[Key]) -> Absence:
        """Miss *holder* from now on, with what it is known to hold."""
        known = self._known(holder)
        absence = Absence(holder=holder, held={*known, *held}, since=self.now)
        self._absent[_life(holder)] = absence
        return absence

    def _known(self, holder: Holder) -> set[Key]:
        """What an absent worker held, as far as this server knows."""
        before = self._absent.get(_life(holder))
        return before.held if before else set()

    def _resume(self, seat: Seat, found: Adopted) -> list[Key]:
        """Count what goes on; what nobody wants any more is stopped after the welcome."""
        kept: list[Key] = []
        for one in found.resumed:
            key = (one.prediction, one.attempt)
            kept.append(key)
            try:
                kind = self._version(one.version).kind
            except NotFound:  # it may end, but not begin again
                kind = ""
            seat.hold(key, kind, one.version)
            if not one.wanted:
                asyncio.get_running_loop().call_soon(seat.send, Stop(*key))
        return kept

    def _give_up_orphans(
        self, holder: Holder, missing: Iterable[Key], orphans: Sequence[LiveAttempt]
    ) -> None:
        elsewhere = {(one.prediction, one.attempt): one for one in orphans if one.holder == holder}
        for one in orphans:
            if one.holder == holder:
                self._give_up(_lost(one, Outcome.RELEASED, NOT_THERE))
            else:
                self._give_up(_lost(one, Outcome.LOST, _ANEW))
        for key in missing:
            if key not in elsewhere:
                self._release(key, Outcome.RELEASED, NOT_THERE, holder)

    # ── going ──

    def leave(self, seat: Seat) -> None:
        """A worker's connection is gone: a local one's attempts with it; a remote one is missed."""
        if seat.holder.remote and self._remove(seat):
            absence = self._expected(seat.holder, seat.held)
            absence.draining = seat.draining
            _clear(seat)
        else:
            self._lose(seat, _GONE)

    def ended(self, worker: str) -> None:
        """The process of *worker* is known to be gone, whatever its connection says."""
        for seat in [one for one in self.seats if one.holder.worker == worker]:
            self._lose(seat, _GONE)
            seat.close()
        for absence in [one for one in self._absent.values() if one.holder.worker == worker]:
            self._forget(absence, Outcome.LOST, _GONE)

    def reap(self) -> Sequence[str]:
        """Give up whoever has been silent or absent for too long; returns who was silent."""
        now = self._time.look()
        for seat in self.seats:
            seat.quiet = now - seat.heard_at > self._silence * _QUIET
        silent = [seat for seat in self.seats if now - seat.heard_at > self._silence]
        for seat in silent:
            _log.warning("worker.silent", worker=seat.holder.worker)
            self._lose(seat, _GONE)
            seat.close()
        for absence in list(self._absent.values()):
            if now - absence.since > self._silence and not absence.coming:
                if absence.held or not absence.draining:
                    name = absence.holder.worker
                    _log.warning("worker.missing", worker=name, held=len(absence.held))
                self._forget(absence, *_end_of(absence.draining, _NOT_BACK))
        return [seat.holder.worker for seat in silent]

    async def look_elsewhere(self) -> None:
        """Give up lines that only seem to stand: their workers have come to another server.

        Raises:
            StoreBusy: the database does not answer now.
        """
        seats = [seat for seat in self.seats if seat.holder.remote]
        if not seats:
            return
        found = await self._attempts.departed(_LATELY_MS)
        departed = {one.worker: one.incarnation for one in found}
        for seat in seats:  # whoever has come back meanwhile has another seat
            latest = departed.get(seat.holder.worker)
            if latest is not None and seat.holder.incarnation <= latest:
                self._lose(seat, _GONE)
                seat.close()

    async def part(self, seconds: float) -> None:
        """Let workers finish for that long and end; remote ones go elsewhere with what they hold.

        Nobody is let in any more.
        """
        self._parting = True
        for seat in self.seats:
            seat.draining = True
            if not seat.holder.remote:
                seat.send(Drain(seconds))
        over = asyncio.get_running_loop().call_later(seconds, self._part_from, self.seats)
        try:
            self._part_from([seat for seat in self.seats if not seat.held])
            if self.seats:
                await self._empty.wait()
        finally:
            over.cancel()

    def noted(self, seat: Seat) -> None:
        """What *seat* has told is written; if it was to go then, it goes."""
        if self._parting and not seat.held:
            self._part_from([seat])

    def _part_from(self, seats: Iterable[Seat]) -> None:
        for seat in list(seats):
            if seat.holder.remote:
                self.leave(seat)
                seat.close()

    def _lose(self, seat: Seat, reason: str) -> None:
        """Give up a seat and all it holds."""
        if not self._remove(seat):
            return
        outcome, reason = _end_of(seat.draining, reason)
        for key in _clear(seat):
            self._release(key, outcome, reason, seat.holder)

    def _remove(self, seat: Seat) -> bool:
        if seat not in self.seats:
            return False
        self.seats.remove(seat)
        if not self.seats:
            self._empty.set()
        _log.info("worker.left", worker=seat.holder.worker, held=len(seat.held))
        return True

    def _forget(self, absence: Absence, outcome: Outcome, reason: str) -> None:
        del self._absent[_life(absence.holder)]
        for key in sorted(absence.held):  # whoever adopts them meanwhile goes the same way
            self._release(key, outcome, reason, absence.holder)

    def _release(self, key: Key, outcome: Outcome, reason: str, holder: Holder) -> None:
        self._give_up(
            Lost(
                prediction=PredictionId(key[0]),
                attempt=key[1],
                outcome=outcome,
                reason=reason,
                lease=Lease(holder=holder) if holder.remote else None,
            )
        )


def _life(holder: Holder) -> _Life:
    return holder.worker, holder.incarnation


def _older(one: Holder, other: Holder) -> bool:
    return one.remote and one.incarnation < other.incarnation


def _same_name(holder: Holder) -> PeerMisbehaved:
    return PeerMisbehaved(
        f"another worker called {holder.worker} is connected, or was a moment ago; "
        "give each worker a --name of its own"
    )


def _end_of(draining: bool, reason: str) -> tuple[Outcome, str]:  # noqa: FBT001  # a fact, not a switch
    return (Outcome.RELEASED, _STOPPED) if draining else (Outcome.LOST, reason)


def _clear(seat: Seat) -> list[Key]:
    held = list(seat.held)
    for key in held:
        seat.give_back(key)
    return held


def _lost(live: LiveAttempt, outcome: Outcome, reason: str) -> Lost:
    return Lost(
        prediction=live.prediction,
        attempt=live.attempt,
        outcome=outcome,
        reason=reason,
        lease=live.lease,
    )
