"""Who runs what: connected workers, their free slots, and the way of a job there and back.

A worker's connection grants slots by kind of runner. A prediction goes out the moment a slot
is free and nothing waits for one; what finds no slot waits in the database and is claimed
(`service/claiming`) when a slot comes back. A connection that closes takes its slots with it.
"""

import asyncio
from collections.abc import Callable, Sequence, Set

import structlog

from darkroom.domain.errors import NotFound, PeerMisbehaved
from darkroom.domain.events import Finished, Report
from darkroom.domain.ids import PredictionId, VersionId, WorkerId
from darkroom.domain.model import Version
from darkroom.domain.prediction import InputFile, JsonText, Outcome, Prediction
from darkroom.ports.predictions import Asking, Attempts, Holder, LiveAttempt, Lost, PredictionStore
from darkroom.ports.serving import Clock
from darkroom.ports.twins import NOBODY, Others
from darkroom.protocol.messages import (
    MAX_FILES,
    Beat,
    Drain,
    FileRef,
    Granted,
    Hello,
    Job,
    Key,
    Know,
    Stop,
    Told,
    Wants,
)
from darkroom.service.catalogue import Catalogue, to_spec
from darkroom.service.claiming import Claims
from darkroom.service.fairness import Fairness
from darkroom.service.hub import Hub
from darkroom.service.recording import Recorder
from darkroom.service.remote_files import RemoteFiles
from darkroom.service.reports import understood
from darkroom.service.seats import Seat, best

_log = structlog.get_logger()
_AT_ONCE = 100
_GONE = "its worker went away."
_NO_VERSION = "The version is no longer served here. Run a version that the model lists now."


class Dispatcher:
    """Hands predictions to workers and their reports to the store.

    With *remote* files, addresses are signed on the way to a worker, and files looked for on the
    way back.
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
        self._clock = clock
        self._silence = silence_seconds
        self._others = others
        self._seats: list[Seat] = []
        self._claims = Claims(
            store=store,
            catalogue=catalogue,
            fairness=self.fairness,
            seats=self._seats,
            others=others,
            give=self._send_claimed,
        )
        self._empty = asyncio.Event()
        self._recorder = Recorder(
            store=store,
            hub=hub,
            superseded=self._stop_superseded,
            again=self._wait_again,
            check=remote.check if remote else None,
        )

    # ── workers come and go ──

    def join(self, hello: Hello, send: Callable[[object], None], close: Callable[[], None]) -> Seat:
        """Seat a worker that has said hello."""
        seat = Seat(
            holder=Holder(worker=WorkerId(hello.worker), incarnation=hello.incarnation),
            slots=dict(hello.slots),
            send=self._remote.signing(send) if self._remote else send,
            close=close,
            heard_at=self._clock.monotonic(),
        )
        self._seats.append(seat)
        self._empty.clear()
        _log.info("worker.joined", worker=hello.worker, slots=hello.slots)
        self._claims.room()
        return seat

    def beat(self, seat: Seat, beat: Beat) -> None:
        """Take note that a worker lives; what it was sent and does not hold runs again."""
        seat.heard_at = self._clock.monotonic()
        seat.resident = beat.resident
        self.fairness.costs.loaded(seat.known, beat.loads)
        for key in seat.missed(beat.held):
            seat.give_back(key)
            self._give_up(key, Outcome.RELEASED, "it never reached its worker.")

    def draining(self, seat: Seat) -> None:
        """Give this worker nothing more."""
        seat.draining = True

    def leave(self, seat: Seat) -> None:
        """A worker's connection is gone: give up what it held."""
        if seat not in self._seats:
            return
        self._seats.remove(seat)
        if not self._seats:
            self._empty.set()
        _log.info("worker.left", worker=seat.holder.worker, held=len(seat.held))
        outcome = Outcome.RELEASED if seat.draining else Outcome.LOST
        for key in list(seat.held):
            seat.give_back(key)
            self._give_up(key, outcome, "its worker was stopped." if seat.draining else _GONE)

    def ended(self, worker: str) -> None:
        """The process of *worker* is known to be gone, whatever its connection says."""
        for seat in list(self._seats):
            if seat.holder.worker == worker:
                self.leave(seat)
                seat.close()

    def reap(self) -> Sequence[str]:
        """Give up every worker that has not been heard of for too long; returns their names."""
        now = self._clock.monotonic()
        silent = [seat for seat in self._seats if now - seat.heard_at > self._silence]
        for seat in silent:
            _log.warning("worker.silent", worker=seat.holder.worker)
            self.leave(seat)
            seat.close()
        return [seat.holder.worker for seat in silent]

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
        seat = None if self._claims.waits_for(version) else best(self._seats, version)
        if seat is not None:
            seat.take(key, version)
        return seat

    def send(
        self, seat: Seat, version: Version, key: Key, text: JsonText, files: Sequence[InputFile]
    ) -> None:
        """Send a prediction to the worker that holds it, unless it has given it up meanwhile."""
        if key not in seat.held:
            return
        if version.id not in seat.known:
            seat.known.add(version.id)
            seat.send(Know(to_spec(version)))
        refs = [FileRef(path=list(one.path), key=one.key) for one in files]
        seat.send(Job(key[0], key[1], version.id, text, refs))

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
        seat.heard_at = self._clock.monotonic()
        if key not in seat.held:
            return
        items = understood(told)
        if told.ended is not None:
            self.fairness.costs.ended(seat.held[key].version, told.ended)
            seat.give_back(key)
            self._claims.room()
        for item in items:
            self._recorder.record(item)

    def wants(self, seat: Seat, wants: Wants) -> None:
        """Answer a worker that lacks an address for a file of a run it holds.

        Raises:
            PeerMisbehaved: no run gives a file of that number.
        """
        if not 0 <= wants.index < MAX_FILES:
            raise PeerMisbehaved(f"a worker wants a place for file {wants.index}")
        if (wants.id, wants.attempt) in seat.held:
            seat.send(Granted(wants.id, wants.attempt, wants.index))

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
                asyncio.ensure_future(self.fail_unknown(prediction.version))  # noqa: RUF006  # ends by itself

    # ── beginning, minding, ending ──

    async def recover(self) -> None:
        """Take up what this server left at its last end: release its attempts, wake what waits."""
        for live in await self._attempts.live():
            self.release(live, "the server was restarted.")
        await self._recorder.quiet()
        for version in await self._attempts.waiting():
            try:
                self.wake_quietly(self._catalogue.version(version)[1])
            except NotFound:
                if self._others.alone:
                    await self.fail_unknown(version)

    def release(self, live: LiveAttempt, reason: str) -> None:
        """Have an attempt that nobody runs any more run again; that is counted against nobody."""
        self._give_up((live.prediction, live.attempt), Outcome.RELEASED, reason)

    async def fail_unknown(self, version: VersionId) -> None:
        """End predictions of a version that the operator has taken out of the catalogue.

        Only for a server that is alone: another one may serve that version.
        """
        nobody = Holder(worker=WorkerId("server"), incarnation=0)
        finished = Finished(outcome=Outcome.FAILED, error=_NO_VERSION)
        asking = Asking(holder=nobody, bonuses={version: 0.0}, most=_AT_ONCE)
        while claimed := await self._store.claim(asking):
            for one in (each.prediction for each in claimed):
                self._recorder.record(
                    Report(prediction=one.id, attempt=one.attempt, finished=finished)
                )
            await self._recorder.quiet()

    async def expire(self) -> None:
        """End what is past its deadline, and stop those who run it."""
        for prediction in await self._attempts.expire(_AT_ONCE):
            self._hub.publish(prediction)
            self.stop(prediction.id)

    async def drain(self, seconds: float) -> None:
        """Let every worker finish what it holds, for that long, then wait until they are gone."""
        for seat in self._seats:
            seat.draining = True
            seat.send(Drain(seconds))
        if self._seats:
            await self._empty.wait()
        await self.settled()

    async def settled(self) -> None:
        """Wait until everything that was told is written."""
        await self._recorder.quiet()
