"""Who runs what: connected workers, their free slots, and the way of a job there and back.

A worker's connection grants slots by kind of runner. A prediction goes out the moment a slot
is free and nothing older waits for one; what finds no slot waits in the database and is
claimed when a slot comes back. A connection that closes takes its slots with it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import structlog

from darkroom.domain.errors import StoreBusy, VersionNotRunnable
from darkroom.domain.events import Finished, Report
from darkroom.domain.ids import PredictionId, VersionId, WorkerId
from darkroom.domain.model import Version
from darkroom.domain.prediction import InputFile, Outcome, Prediction
from darkroom.ports import Attempts, Clock, Holder, Lost, PredictionStore
from darkroom.protocol.messages import (
    Beat,
    Drain,
    FileRef,
    Hello,
    Job,
    Key,
    Know,
    Stop,
    Told,
)
from darkroom.service.catalogue import Catalogue, to_spec
from darkroom.service.hub import Hub
from darkroom.service.reports import report_of
from darkroom.service.seats import Seat

_log = structlog.get_logger()
_RETRY_SECONDS = 1.0
_EXPIRE_AT_ONCE = 100
_REAP_SECONDS = 1.0


class Dispatcher:
    """Hands predictions to workers and their reports to the store."""

    def __init__(
        self,
        *,
        store: PredictionStore,
        attempts: Attempts,
        catalogue: Catalogue,
        hub: Hub,
        clock: Clock,
        silence_seconds: float,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._catalogue = catalogue
        self._hub = hub
        self._clock = clock
        self._silence = silence_seconds
        self._seats: list[Seat] = []
        self._waiting: dict[str, set[VersionId]] = {}
        self._pump: asyncio.Task[None] | None = None
        self._pump_again = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()

    # ── workers come and go ──

    def join(self, hello: Hello, send: Callable[[object], None], close: Callable[[], None]) -> Seat:
        """Seat a worker that has said hello."""
        seat = Seat(
            holder=Holder(worker=WorkerId(hello.worker), incarnation=hello.incarnation),
            slots=dict(hello.slots),
            send=send,
            close=close,
            heard_at=self._clock.monotonic(),
        )
        self._seats.append(seat)
        self._empty.clear()
        _log.info("worker.joined", worker=hello.worker, slots=hello.slots)
        self._wake_all()
        return seat

    def beat(self, seat: Seat, beat: Beat) -> None:
        """Take note that a worker lives."""
        seat.heard_at = self._clock.monotonic()
        seat.resident = beat.resident

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
        reason = "its worker was stopped." if seat.draining else "its worker went away."
        for id_, attempt in list(seat.held):
            self._give_up(PredictionId(id_), attempt, outcome, reason)

    def ended(self, worker: str) -> None:
        """The process of *worker* is known to be gone, whatever its connection says."""
        for seat in list(self._seats):
            if seat.holder.worker == worker:
                self.leave(seat)
                seat.close()

    @property
    def seats(self) -> Sequence[Seat]:
        """The workers connected now."""
        return self._seats

    # ── out: jobs ──

    def offer(self, version: Version) -> Seat | None:
        """A worker that can run *version* now, if nothing older waits for such a slot."""
        if self._waiting.get(version.kind):
            return None
        best: Seat | None = None
        for seat in self._seats:
            if seat.free(version) and (best is None or version.id in seat.resident):
                best = seat
        return best

    def assign(
        self, seat: Seat, version: Version, key: Key, text: str, files: Sequence[InputFile]
    ) -> None:
        """Send a claimed prediction to the worker that holds it."""
        seat.take(key, version)
        if version.id not in seat.known:
            seat.known.add(version.id)
            seat.send(Know(to_spec(version)))
        refs = [
            FileRef(
                path=list(one.path),
                key=one.key,
                content_type=one.content_type,
                size_bytes=one.size_bytes,
            )
            for one in files
        ]
        seat.send(Job(key[0], key[1], version.id, text, refs))

    def wake(self, version: Version) -> None:
        """Something waits for *version*; claim it as soon as there is a slot."""
        self._waiting.setdefault(version.kind, set()).add(version.id)
        self._start_pump()

    def stop(self, prediction: PredictionId) -> None:
        """Tell whoever runs *prediction* to stop."""
        for seat in self._seats:
            for id_, attempt in seat.held:
                if id_ == prediction:
                    seat.send(Stop(id_, attempt))

    def drop(self, seat: Seat, key: Key) -> None:
        """Take back a job whose prediction was never accepted."""
        if key in seat.held:
            seat.send(Stop(*key))

    def _runnable(self, version: VersionId) -> Version:
        return self._catalogue.version(version)[1]

    def _wake_all(self) -> None:
        if any(self._waiting.values()):
            self._start_pump()

    def _start_pump(self) -> None:
        self._pump_again = True
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._claim_all())

    async def _claim_all(self) -> None:
        while self._pump_again:
            self._pump_again = False
            for seat in list(self._seats):
                for kind in [kind for kind, versions in self._waiting.items() if versions]:
                    await self._claim_for(seat, kind)

    async def _claim_for(self, seat: Seat, kind: str) -> None:
        waiting = self._waiting[kind]
        free = {id_: seat.free(self._runnable(id_)) for id_ in waiting}
        eligible = [id_ for id_, room in free.items() if room]
        if not eligible:
            return
        most = min(free[id_] for id_ in eligible)
        # Forgotten before the claim: what is accepted meanwhile is remembered again.
        waiting.difference_update(eligible)
        try:
            claimed = await self._store.claim(eligible, seat.holder, most)
        except StoreBusy as error:
            _log.warning("claim.failed", error=str(error))
            waiting.update(eligible)
            self._later(_RETRY_SECONDS, self._start_pump)
            return
        if len(claimed) == most:
            waiting.update(eligible)
            self._pump_again = True
        for prediction in claimed:
            self._send_claimed(seat, prediction)

    def _send_claimed(self, seat: Seat, prediction: Prediction) -> None:
        if seat not in self._seats:
            self._give_up(
                prediction.id, prediction.attempt, Outcome.RELEASED, "its worker went away."
            )
            return
        self.assign(
            seat,
            self._runnable(prediction.version),
            (prediction.id, prediction.attempt),
            prediction.input,
            prediction.input_files,
        )

    # ── back: reports ──

    def told(self, seat: Seat, told: Told) -> None:
        """Record what a run tells, and free its slot at its end."""
        key = (told.id, told.attempt)
        seat.heard_at = self._clock.monotonic()
        if key not in seat.held:
            return
        if told.ended is not None:
            seat.give_back(key)
            self._wake_all()
        if told.ended is not None and Outcome(told.ended.outcome) in _LOSSES:
            reason = told.ended.error or "its model's process ended."
            self._give_up(PredictionId(told.id), told.attempt, Outcome(told.ended.outcome), reason)
        else:
            self._record(seat, report_of(told))

    def _record(self, seat: Seat, report: Report) -> None:
        def recorded(done: "asyncio.Future[Prediction | None]") -> None:
            error = done.exception()
            if error is not None:
                _log.warning("report.failed", prediction=report.prediction, error=str(error))
                self._later(_RETRY_SECONDS, lambda: self._record(seat, report))
                return
            prediction = done.result()
            if prediction is not None:
                self._hub.publish(prediction)
            elif report.finished is None:
                seat.send(Stop(report.prediction, report.attempt))

        asyncio.ensure_future(self._store.report(report)).add_done_callback(recorded)

    def _give_up(self, id_: PredictionId, attempt: int, outcome: Outcome, reason: str) -> None:
        lost = Lost(prediction=id_, attempt=attempt, outcome=outcome, reason=reason)
        self._spawn(self._lose(lost))

    async def _lose(self, lost: Lost) -> None:
        while True:
            try:
                prediction = await self._store.lose(lost)
                break
            except StoreBusy as error:
                _log.warning("lose.failed", prediction=lost.prediction, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        _log.info(
            "attempt.lost",
            prediction=lost.prediction,
            attempt=lost.attempt,
            outcome=lost.outcome,
            reason=lost.reason,
        )
        if prediction is not None:
            self._hub.publish(prediction)
            if not prediction.terminal:
                self.wake(self._runnable(prediction.version))

    # ── beginning, minding, ending ──

    async def recover(self) -> None:
        """Take up what an earlier server left: release its attempts, wake what waits."""
        for live in await self._attempts.live():
            await self._lose(
                Lost(
                    prediction=live.prediction,
                    attempt=live.attempt,
                    outcome=Outcome.RELEASED,
                    reason="the server was restarted.",
                )
            )
        for version in await self._attempts.waiting():
            try:
                self.wake(self._runnable(version))
            except VersionNotRunnable:
                await self._fail_unknown(version)

    async def _fail_unknown(self, version: VersionId) -> None:
        """End predictions of a version that the operator has taken out of the catalogue."""
        nobody = Holder(worker=WorkerId("server"), incarnation=0)
        finished = Finished(
            outcome=Outcome.FAILED,
            error="The version is no longer served here. Run a version the model lists now.",
        )
        while claimed := await self._store.claim([version], nobody, _EXPIRE_AT_ONCE):
            for one in claimed:
                await self._store.report(
                    Report(prediction=one.id, attempt=one.attempt, finished=finished)
                )

    async def mind(self) -> None:
        """For ever: give up silent workers, end predictions past their deadline."""
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            self.reap()
            try:
                for prediction in await self._attempts.expire(_EXPIRE_AT_ONCE):
                    self._hub.publish(prediction)
                    self.stop(prediction.id)
            except StoreBusy as error:
                _log.warning("expire.failed", error=str(error))

    def reap(self) -> None:
        """Give up every worker that has not been heard of for too long."""
        now = self._clock.monotonic()
        for seat in list(self._seats):
            if now - seat.heard_at > self._silence:
                _log.warning("worker.silent", worker=seat.holder.worker)
                self.leave(seat)
                seat.close()

    async def drain(self, seconds: float) -> None:
        """Let every worker finish what it holds, for that long, then wait until they are gone."""
        for seat in self._seats:
            seat.draining = True
            seat.send(Drain(seconds))
        if self._seats:
            await self._empty.wait()
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, call)


_LOSSES = frozenset({Outcome.LOST, Outcome.CRASHED, Outcome.RELEASED})
