"""Who runs what: connected workers, their free slots, and the way of a job there and back.

A worker's connection grants slots by kind of runner. A prediction goes out the moment a slot
is free and nothing waits for one; what finds no slot waits in the database and is claimed
(`service/claiming`) when a slot comes back. A connection that closes takes its slots with it.
"""

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from functools import partial

import structlog

from darkroom.domain.errors import NotFound, PeerMisbehaved
from darkroom.domain.events import Report
from darkroom.domain.ids import PredictionId, VersionId, WorkerId
from darkroom.domain.model import Version
from darkroom.domain.prediction import InputFile, JsonText, Outcome, Prediction
from darkroom.domain.safety import OFF, PREVIEWS
from darkroom.ports.predictions import NOT_THERE, Attempts, Holder, Lost, PredictionStore
from darkroom.ports.serving import Clock
from darkroom.ports.twins import NOBODY, Others
from darkroom.protocol.messages import (
    MAX_FILES,
    Beat,
    FileRef,
    Granted,
    Hello,
    Job,
    Key,
    Know,
    Noted,
    Stop,
    Told,
    Wants,
)
from darkroom.service.attendance import Attendance
from darkroom.service.catalogue import Catalogue, to_spec
from darkroom.service.claiming import Claims
from darkroom.service.fairness import Fairness
from darkroom.service.hub import Hub
from darkroom.service.previews import Previews
from darkroom.service.recording import Recorder
from darkroom.service.recovery import Recovery
from darkroom.service.remote_files import RemoteFiles
from darkroom.service.reports import understood
from darkroom.service.seats import Seat, best

_AT_ONCE = 100
_WRITE_SECONDS = 10.0
_log = structlog.get_logger()
_GONE = "its worker went away."


class Dispatcher:
    """Hands predictions to workers and their reports to the store.

    With *remote* files, addresses are signed on the way to whoever cannot open the file store, and
    files looked for on the way back.
    """

    def __init__(  # noqa: PLR0913  # it joins them
        self,
        *,
        store: PredictionStore,
        attempts: Attempts,
        catalogue: Catalogue,
        hub: Hub,
        clock: Clock,
        silence_seconds: float,
        remote: RemoteFiles | None = None,
        others: Others = NOBODY,
        fairness: Fairness | None = None,
    ) -> None:
        self.fairness = fairness or Fairness()
        self._remote = remote
        self._store = store
        self._attempts = attempts
        self._catalogue = catalogue
        self._hub = hub
        self._others = others
        self._attendance = Attendance(
            attempts=attempts,
            version=lambda version: catalogue.version(version)[1],
            clock=clock,
            silence_seconds=silence_seconds,
            give_up=lambda lost: self._recorder.record(lost),
        )
        self._seats: Sequence[Seat] = self._attendance.seats
        self.previews = Previews(hub, self._seats, self._is_shown)
        self._claims = Claims(
            store=store,
            catalogue=catalogue,
            fairness=self.fairness,
            seats=self._seats,
            others=others,
            give=self._send_claimed,
        )
        self._recorder = Recorder(
            store=store,
            hub=hub,
            superseded=self._stop_superseded,
            again=self._wait_again,
            check=remote.check if remote else None,
        )
        self.recovery = Recovery(
            store=store,
            attempts=attempts,
            catalogue=catalogue,
            recorder=self._recorder,
            others=others,
            expect=self._attendance.expect,
            wake=self.wake_quietly,
        )

    # ── workers come and go ──

    def greet(self, greeter: Callable[[Seat], None]) -> None:
        """Have *greeter* called with every worker that comes, before it has been welcomed."""
        self._attendance.greeters.append(greeter)

    def join(self, hello: Hello, send: Callable[[object], None], close: Callable[[], None]) -> Seat:
        """Seat a local worker that has said hello."""
        seat = Seat(
            holder=Holder(worker=WorkerId(hello.worker), incarnation=hello.incarnation),
            slots=dict(hello.slots),
            send=self._remote.signing(send) if self._remote and self._remote.for_all else send,
            close=close,
            heard_at=self._attendance.now,
            protocol=hello.protocol,
        )
        self._attendance.seat(seat)
        self._claims.room()
        return seat

    async def rejoin(
        self,
        hello: Hello,
        *,
        pool: str,
        send: Callable[[object], None],
        close: Callable[[], None],
    ) -> tuple[Seat, list[Key]]:
        """Seat a remote worker that has said hello, for the first time or again.

        Its welcome is to be sent before anything else is awaited.

        Args:
            hello: tells what it holds.
            pool: whose predictions it runs.
            send: to it.
            close: ends the connection, once what was sent is gone.

        Returns:
            Its seat, and those of the attempts it holds that it may go on with.

        Raises:
            PeerMisbehaved: it cannot be let in, now or under this name.
            StoreBusy: the database does not answer now; it may come again.
        """
        seat, kept = await self._attendance.rejoin(
            hello,
            pool=pool,
            send=self._remote.signing(send) if self._remote else send,
            close=close,
        )
        self._claims.room()
        for key in kept:  # after the welcome
            asyncio.get_running_loop().call_soon(self.previews.sent, seat, key)
        return seat, kept

    def beat(self, seat: Seat, beat: Beat) -> None:
        """Take note that a worker lives; what it was sent and does not hold runs again."""
        self._heard(seat)
        changed = seat.stands(beat.resident, beat.troubles, beat.closed)
        self.fairness.costs.loaded(seat.known, beat.loads)
        if changed:
            self._remind(seat)
            self._claims.room()
            return  # it came early for that, and may have crossed many a job
        for key in seat.missed(beat.held):
            seat.give_back(key)
            seat.send(Stop(*key))  # should it arrive after all
            self._give_up(key, Outcome.RELEASED, NOT_THERE)

    def _heard(self, seat: Seat) -> None:
        if self._attendance.heard(seat):
            self._claims.room()

    def draining(self, seat: Seat) -> None:
        """Give this worker nothing more."""
        seat.draining = True

    def leave(self, seat: Seat) -> None:
        """A worker's connection is gone: what it held is given up, or waits for its return."""
        self._attendance.leave(seat)

    def ended(self, worker: str) -> None:
        """The process of *worker* is known to be gone, whatever its connection says."""
        self._attendance.ended(worker)

    def reap(self) -> Sequence[str]:
        """Give up workers not heard of for too long; returns the names of those connected."""
        return self._attendance.reap()

    async def look_elsewhere(self) -> None:
        """Give up lines whose workers have come to another server; see `Attendance`."""
        await self._attendance.look_elsewhere()

    @property
    def seats(self) -> Sequence[Seat]:
        """The workers connected now."""
        return self._seats

    @property
    def has_room(self) -> bool:
        """Whether any worker here could take something more."""
        return any(
            seat.used.get(kind, 0) < most
            for seat in self._seats
            if not seat.draining
            for kind, most in seat.slots.items()
        )

    @property
    def held(self) -> Set[PredictionId]:
        """What the workers of this server run."""
        return {PredictionId(key[0]) for seat in self._seats for key in seat.held}

    # ── out: jobs ──

    def reserve(self, version: Version, key: Key) -> Seat | None:
        """A worker that runs *version* now, its slot taken; None if there is none or others wait.

        The caller queues the insert that names this worker before anything else can happen.
        """
        seat = best(self._seats, version)
        if seat is None or self._claims.waits_at(seat, version):
            return None
        seat.take(key, version)
        return seat

    def send(
        self, seat: Seat, version: Version, key: Key, text: JsonText, files: Sequence[InputFile]
    ) -> None:
        """Send a prediction to the worker that holds it, unless it has given it up meanwhile."""
        if key not in seat.held:
            return
        self._describe(seat, version)
        refs = [FileRef(path=list(one.path), key=one.key) for one in files]
        seat.send(Job(key[0], key[1], version.id, text, refs))
        self.previews.sent(seat, key)

    def _describe(self, seat: Seat, version: Version) -> None:
        if version.id not in seat.known:
            seat.known.add(version.id)
            seat.send(Know(to_spec(version)))

    def _remind(self, seat: Seat) -> None:
        """Describe what a worker has loaded: it may know that from a server of other settings."""
        for id_ in seat.resident:
            with suppress(NotFound):
                version = self._catalogue.version(id_)[1]
                if version.pool == seat.pool:
                    self._describe(seat, version)

    def refuse(self, seat: Seat, key: Key, *, sent: bool) -> None:
        """The insert failed: the slot is free again, once a run that was *sent* has stopped."""
        if sent and key in seat.held:
            seat.send(Stop(*key))
        else:
            seat.give_back(key)
            self._claims.room()

    def wake(self, version: Version) -> None:
        """Something waits for *version*: whoever has a slot claims it, here or elsewhere."""
        self._others.waits(version.id)
        self.wake_quietly(version)

    def wake_quietly(self, version: Version) -> None:
        """Something waits for *version*, as the other servers know; claim it if there is a slot."""
        self._claims.wake(version)

    def stop(self, prediction: PredictionId) -> None:
        """Tell whoever runs *prediction* to stop."""
        for seat in self._seats:
            for key in seat.held:
                if key[0] == prediction:
                    seat.send(Stop(*key))

    def _send_claimed(self, seat: Seat, prediction: Prediction) -> None:
        key = (prediction.id, prediction.attempt)
        if seat not in self._seats:
            self._give_up(key, Outcome.RELEASED, _GONE)
            return
        version = self._catalogue.version(prediction.version)[1]
        seat.take(key, version)
        self.send(seat, version, key, prediction.input, prediction.input_files)

    # ── back: reports ──

    def told(self, seat: Seat, told: Told) -> None:
        """Record what a run tells, and free its slot at its end.

        Raises:
            PeerMisbehaved: the message makes no sense; the worker is to be put out.
        """
        key = (told.id, told.attempt)
        self._heard(seat)
        noted = partial(self._note, seat, told) if told.number else None
        if key not in seat.held:
            if noted is not None:
                noted()
            return
        try:
            items = understood(told)
        except PeerMisbehaved:
            if seat.holder.remote:  # it would come back and say the same
                seat.give_back(key)
                self._give_up(key, Outcome.LOST, "what its worker told makes no sense.")
            raise
        if told.ended is not None:
            self.fairness.costs.ended(seat.held[key].version, told.ended)
            seat.give_back(key)
            self._claims.room()
        *before, last = items
        for item in before:
            self._recorder.record(item)
        self._recorder.record(last, noted)

    def _note(self, seat: Seat, told: Told) -> None:
        seat.send(Noted(told.id, told.attempt, told.number))
        self._attendance.noted(seat)

    def wants(self, seat: Seat, wants: Wants) -> None:
        """Answer a worker that lacks an address for a file of a run it holds.

        Raises:
            PeerMisbehaved: no run gives a file of that number.
        """
        if not 0 <= wants.index < MAX_FILES:
            raise PeerMisbehaved(f"a worker wants a place for file {wants.index}")
        if (wants.id, wants.attempt) in seat.held:
            seat.send(Granted(wants.id, wants.attempt, wants.index))

    def _is_shown(self, version: VersionId) -> bool:
        return self._catalogue.version(version)[1].config.get(PREVIEWS) != OFF

    def _give_up(self, key: Key, outcome: Outcome, reason: str) -> None:
        lost = Lost(prediction=PredictionId(key[0]), attempt=key[1], outcome=outcome, reason=reason)
        self._recorder.record(lost)

    def _stop_superseded(self, report: Report) -> None:
        self.stop(report.prediction)

    def _wait_again(self, prediction: Prediction) -> None:
        try:
            self.wake(self._catalogue.version(prediction.version)[1])
        except NotFound:
            if self._others.alone:
                self.recovery.fail_soon(prediction.version)

    # ── beginning, minding, ending ──

    async def recover(self) -> None:
        """Take up what this server left at its last end; see `Recovery`."""
        await self.recovery.recover()

    async def expire(self) -> None:
        """End what is past its deadline, and stop those who run it."""
        for prediction in await self._attempts.expire(_AT_ONCE):
            self._hub.publish(prediction)
            self.stop(prediction.id)

    async def drain(self, seconds: float, *, write_seconds: float = _WRITE_SECONDS) -> None:
        """Let workers finish what they hold, for that long, then wait until they are gone.

        Remote ones do not end: they go on, and come to another server or back to this one.

        Args:
            seconds: for runs.
            write_seconds: for a database that takes no writes; what it does not take by then runs
                again, or is told again by its worker.
        """
        await self._attendance.part(seconds)
        try:
            async with asyncio.timeout(write_seconds):
                await self.settled()
        except TimeoutError:
            _log.warning("reports.not_written")

    async def settled(self) -> None:
        """Wait until everything that was told is written."""
        await self._recorder.quiet()
